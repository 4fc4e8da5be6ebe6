from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_tui.fleet.live import sanitise

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs"]),
        st.sampled_from("\x1b\x9b\x07\x00\x7f\u202e\u2066\u200b\u200d\ufeff\u0301\u0300\r\n\t\\[]m;"),
    ),
    max_size=60,
)
FORBIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _categories(text: str) -> set[str]:
    return {unicodedata.category(character) for character in text}


@given(HOSTILE)
def test_a_line_holds_nothing_that_moves_a_terminal(raw: str) -> None:
    assert not _categories(sanitise.line(raw)) & FORBIDDEN


@given(HOSTILE)
def test_a_text_holds_nothing_but_line_ends_beside_plain_characters(raw: str) -> None:
    assert not _categories(sanitise.text(raw).replace("\n", "")) & FORBIDDEN


@given(HOSTILE, st.integers(1, 40))
def test_doing_it_twice_changes_nothing(raw: str, limit: int) -> None:
    once = sanitise.line(raw, limit)
    assert sanitise.line(once, limit) == once
    several = sanitise.text(raw, limit)
    assert sanitise.text(several, limit) == several


@given(HOSTILE, st.integers(1, 40))
def test_no_text_is_longer_than_asked(raw: str, limit: int) -> None:
    assert len(sanitise.line(raw, limit)) <= limit
    assert len(sanitise.text(raw, limit)) <= limit


@given(HOSTILE)
def test_what_comes_out_can_be_encoded(raw: str) -> None:
    sanitise.line(raw).encode()
    sanitise.text(raw).encode()


@given(st.text(st.characters(categories=["L", "N", "P", "S"], max_codepoint=0x2FF)))
def test_ordinary_words_stay(raw: str) -> None:
    assert sanitise.line(raw) == raw


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("queue\x06\x163", "queue\\x06\\x163"),
        ("evil\u202etxt.exe", "evil\\u202etxt.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\ud800", "\\ud800"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("e" + "\u0301" * 6, "e" + "\u0301" * 4 + "\\u0301\\u0301"),
        ("\u0301x", "\\u0301x"),
        ("non\u00a0breaking", "non breaking"),
        ("日本語 naïve Ж नमस्ते", "日本語 naïve Ж नमस्ते"),
    ],
)
def test_hostile_characters_become_visible(raw: str, shown: str) -> None:
    assert sanitise.line(raw) == shown


def test_a_traceback_keeps_its_lines() -> None:
    assert sanitise.text("a\r\n\tb\rc\x1b[31m") == "a\n    b\\rc\\x1b[31m"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("redis://:pa55@host:6379/0", "redis://***@host:6379/0"),
        ("redis://user:p/a@ss@host/0", "redis://***@host/0"),
        ("postgresql+psycopg2://me:secret@/db?host=/run", "postgresql+psycopg2://***@/db?host=/run"),
        ("https://host/a@2x.png", "https://host/a@2x.png"),
        ("https://h/x.tif?X-Amz-Signature=abc&b=1", "https://h/x.tif?X-Amz-Signature=***&b=1"),
        ("can't reach redis://:pw@h/0: refused", "can't reach redis://***@h/0: refused"),
        ("s3://bucket/key", "s3://bucket/key"),
    ],
)
def test_credentials_are_removed(raw: str, shown: str) -> None:
    assert sanitise.without_credentials(raw) == shown
    assert sanitise.without_credentials(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "m" * 1_000_000,
        "redis://" * 100_000,
        "@" + "redis://" * 100_000,
        "?sig" * 200_000,
        "?" * 500_000,
        "?a" * 200_000 + "=",
        "postgres+" + "a" * 500_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_text_made_to_hold_us_up_does_not(text: str) -> None:
    # Patterns that try every letter as a beginning would take minutes to hours for each.
    assert sanitise.without_credentials(text) == text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("https://a:b@https://c:d@h/", "https://***@https://***@h/"),
        ("redis://u:p/q@h redis://x@h", "redis://***@h redis://***@h"),
        ("https://h/a?x=1;api_key=2#y?token=3&b=4", "https://h/a?x=1;api_key=***#y?token=***&b=4"),
        ("token=1", "token=1"),
        ("&token=1&sig=", "&token=***&sig="),
    ],
)
def test_credentials_are_removed_wherever_they_stand(raw: str, shown: str) -> None:
    assert sanitise.without_credentials(raw) == shown
