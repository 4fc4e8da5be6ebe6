"""Keys can't lead out of their root, whatever names they are made of."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.settings import StorageSettings
from earthgazer_core.storage import ObjectStorage, safe_key


def test_real_names_are_keys() -> None:
    product = "S2A_MSIL2A_20231008T175231_N0509_R141_T13TDE_20231008T233154"
    assert safe_key("SENTINEL-2A", product, "B8A.tif") == f"SENTINEL-2A/{product}/B8A.tif"


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".part", "a/b", "a\\b", "a\0", "é", "a b", "-rf", "a\n", "%2e%2e", "x" * 201]
)
def test_names_that_could_mean_more_are_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        safe_key("a", name)


def test_a_key_has_at_least_one_name() -> None:
    with pytest.raises(InvalidInputError):
        safe_key()


@given(st.lists(st.text(max_size=30), max_size=4))
def test_any_key_stays_below_its_root(names: list[str]) -> None:
    storage = ObjectStorage("file:///srv/root", StorageSettings(data_path=Path("/srv")))
    try:
        key = safe_key(*names)
    except InvalidInputError:
        return
    assert storage.uri(key) == f"file:///srv/root/{key}"
    assert ".." not in PurePosixPath(key).parts
    assert storage.key(storage.uri(key)) == key


@given(st.text(max_size=60))
def test_any_text_as_an_address_is_a_key_or_an_error_of_input(text: str) -> None:
    storage = ObjectStorage("file:///srv/root", StorageSettings(data_path=Path("/srv")))
    for given_text in (text, f"file:///srv/root/{text}"):
        try:
            key = storage.key(given_text)
        except InvalidInputError:
            continue
        assert not key.startswith("/")
        assert ".." not in key.split("/")
