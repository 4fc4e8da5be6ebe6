"""Terminals without UTF-8."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from earthgazer_tui.terminal.charset import Charset, StandIns, charset_by_answer, charset_of


@pytest.mark.parametrize(
    ("encoding", "environment", "expected"),
    [
        ("utf-8", {"LANG": "de_DE.UTF-8"}, Charset.UTF8),
        ("utf-8", {"LC_ALL": "C.utf8", "LANG": "C"}, Charset.UTF8),
        ("utf-8", {"LANG": "de_DE.ISO-8859-15@euro"}, Charset.OTHER),
        ("utf-8", {"LC_ALL": "ru_RU.KOI8-R", "LANG": "ru_RU.UTF-8"}, Charset.OTHER),
        ("ascii", {"LANG": "C.UTF-8"}, Charset.OTHER),
        ("utf-8", {}, Charset.UNKNOWN),
        ("utf-8", {"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, Charset.UNKNOWN),
        # As Python leaves it where LANG names a locale that isn't installed, or none is set.
        ("utf-8", {"LC_CTYPE": "C.UTF-8", "LANG": "de_DE.ISO-8859-1"}, Charset.OTHER),
        ("utf-8", {"LC_CTYPE": "C.UTF-8"}, Charset.UNKNOWN),
        (None, {"LANG": "tr_TR"}, Charset.UNKNOWN),
    ],
)
def test_what_the_environment_says(
    encoding: str | None, environment: dict[str, str], expected: Charset
) -> None:
    assert charset_of(encoding, environment) is expected


def test_a_terminal_that_draws_two_letters_for_one_has_another_charset() -> None:
    assert charset_by_answer(2) is Charset.OTHER
    assert charset_by_answer(1) is Charset.UTF8
    # One that always says the same says nothing.
    assert charset_by_answer(0) is Charset.UTF8


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_stand_ins_are_printable_ascii_of_the_same_width(text: str) -> None:
    shown = text.translate(StandIns())
    assert shown.isascii()
    assert shown.isprintable()
    assert [len(char.translate(StandIns())) for char in text] == [cell_len(char) for char in text]


def test_what_steers_a_terminal_stays() -> None:
    text = "\x1b[1;31m▄ Łódź é\x1b[0m\r\n"
    assert text.translate(StandIns()) == "\x1b[1;31m- ?odz e\x1b[0m\r\n"
