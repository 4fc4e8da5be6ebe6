"""Arguments as text that a person edits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_core.operations.edit import (
    ArgumentsError,
    difference,
    parse_arguments,
    render_arguments,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=3), st.dictionaries(st.text(), VALUES, max_size=3))
def test_what_is_shown_is_read_back(args: list[Any], kwargs: dict[str, Any]) -> None:
    assert parse_arguments(render_arguments(args, kwargs)) == (args, kwargs)
    assert difference((args, kwargs), (args, kwargs)) == ""


@given(st.text())
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        is_json = json.loads(text) is not None
    except ValueError:
        is_json = False
    if not is_json:
        with pytest.raises(ArgumentsError) as caught:
            parse_arguments(text)
        assert (caught.value.line, caught.value.column) >= (1, 1)


@pytest.mark.parametrize(
    ("text", "words", "line", "column"),
    [
        ('{"args": [1,]}', "trailing comma|value", 1, 13),
        ('{\n  "args": [1]\n  "kwargs": {}\n}', "delimiter", 3, 3),
        ('{"args": {}}', '"args" has to be a list', 1, 2),
        ('{"args": [],\n "kwargs": []}', '"kwargs" has to be an object', 2, 2),
        ("[1]", "expected", 1, 1),
        ('{"argument": []}', "expected", 1, 1),
        ('{"kwargs": {"a": 1,\n "a": 2}}', "'a' is there twice", 2, 2),
        ('{"args": [NaN]}', "NaN is no JSON", 1, 11),
        ("", "value", 1, 1),
    ],
)
def test_a_mistake_is_shown_at_its_place(text: str, words: str, line: int, column: int) -> None:
    with pytest.raises(ArgumentsError, match=words) as caught:
        parse_arguments(text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_a_difference_shows_what_changes_alone() -> None:
    old, new = ([1, "ü"], {"bands": ["B04", "B08"]}), ([1, "ü"], {"bands": ["B04", "B11"]})
    changed = [
        line
        for line in difference(old, new).splitlines()
        if line[0] in "+-" and line[1:3] not in ("--", "++")
    ]
    assert changed == ['-      "B08"', '+      "B11"']
