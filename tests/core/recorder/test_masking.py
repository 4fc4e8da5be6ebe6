"""Secrets in text that somebody else made of arguments."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_core.recorder.masking import TextMask, Words

mask = TextMask(["password", "token"])


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("{'password': 'hunter2', 'n': 1}", "{'password': ***, 'n': 1}"),
        ('{"api_token": {"a": [1, 2]}, "n": 1}', '{"api_token": ***, "n": 1}'),
        ("({'db': {'PASSWORD': 'it\\'s, so'}}, 3)", "({'db': {'PASSWORD': ***}}, 3)"),
        ("login(password=abc, n=1)", "login(password=***, n=1)"),
        ("{'token': 12}", "{'token': ***}"),
        ("{'password': 'cut off...", "{'password': ***"),
        ("{'capture_id': 4}", "{'capture_id': 4}"),
        ("a password was wrong", "a password was wrong"),
    ],
)
def test_values_of_listed_names_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


def test_without_a_list_nothing_is_masked() -> None:
    assert TextMask([])("{'password': 'x'}") == "{'password': 'x'}"


values = st.recursive(
    st.integers() | st.text("abc'\"{}[](),:= \\", max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.text(alphabet="abc", min_size=1, max_size=3), values, max_size=3),
    st.text(alphabet="WXYZ", min_size=6, max_size=12),
    st.sampled_from(["password", "Password", "user_token", "token2"]),
    st.sampled_from([repr, json.dumps]),
)
def test_a_secret_is_never_left_whatever_stands_around_it(
    others: dict[str, object], secret: str, name: str, show: object
) -> None:
    assert callable(show)
    arguments = {**others, name: {"inner": [secret, {"x": secret}]}, "z": 1}
    text = show(arguments)
    assert secret not in mask(text)
    cut = text[: text.index(secret) + 4]
    assert secret[:4] not in mask(f"{cut}...")


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    assert isinstance(mask(text), str)


@pytest.mark.parametrize(
    ("text", "is_there"),
    [("API_TOKEN=1", True), ("tok en", False), ("", False), ("é PassWord", True), ("é pa\u017fsword", True)],
)
def test_words_are_found_whatever_their_case(text: str, is_there: bool) -> None:
    assert Words(["Password", "token", ""]).are_in(text) is is_there
    assert not Words([]).are_in(text)
