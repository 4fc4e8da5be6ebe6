"""Keys out of the bytes of a terminal, also where escape and the next key come as one."""

from __future__ import annotations

import pytest
from textual import constants
from textual.events import Key

from earthgazer_tui.terminal.key_parser import BehindEscape, KeyParser


def keys_of(*pieces: str) -> list[str]:
    """Return the keys that pieces make, each read long after the one before."""
    parser, found = KeyParser(), []
    for piece in pieces:
        found += list(parser.feed(piece))
        if parser._timeout_time is not None:
            parser._timeout_time = 0.0
        found += list(parser.tick())
    keys: list[str] = []
    for event in found:
        assert isinstance(event, Key)
        keys += [part.key for part in event.parts()] if isinstance(event, BehindEscape) else [event.key]
    return keys


@pytest.mark.parametrize(
    ("pieces", "keys"),
    [
        (("\x1b", "1"), ["escape", "1"]),
        (("\x1b1",), ["escape", "1"]),
        (("\x1b\x1b3",), ["escape", "escape", "3"]),
        (("\x1b:q",), ["escape", "colon", "q"]),
        (("\x1bf",), ["escape", "f"]),
        (("\x1bRy",), ["escape", "R", "y"]),
        (("\x1b\r",), ["escape", "enter"]),
        (("\x1bO",), ["escape", "O"]),
        (("\x1b[A",), ["up"]),
        (("\x1bOP",), ["f1"]),
        (("\x1b[1;3A",), ["alt+up"]),
        (("\x1b[49;3u",), ["alt+1"]),
        (("\x1b\x7f",), ["ctrl+w"]),
        (("\x1b[27u1",), ["escape", "1"]),
        (("é\x1bé",), ["é", "escape", "é"]),
    ],
)
def test_what_follows_escape_is_a_key_of_its_own(pieces: tuple[str, ...], keys: list[str]) -> None:
    if constants.DISABLE_KITTY_KEY and any(piece.endswith(("u", "u1")) for piece in pieces):
        pytest.skip("the keyboard protocol is switched off by the environment")
    assert keys_of(*pieces) == keys


def test_a_character_with_alt_keeps_the_name_by_which_it_can_be_bound() -> None:
    [[lower], [upper]] = (list(KeyParser().feed(pair)) for pair in ("\x1br", "\x1bR"))
    assert isinstance(lower, BehindEscape)
    assert (lower.key, lower.meant) == ("alt+r", None)
    assert isinstance(upper, BehindEscape)
    assert upper.key == "alt+shift+r"
    [word_back] = KeyParser().feed("\x1bb")
    assert isinstance(word_back, BehindEscape)
    assert word_back.meant == "ctrl+left"
