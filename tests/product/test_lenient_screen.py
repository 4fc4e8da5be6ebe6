"""The emulated terminal of these tests outlives whatever is written to it, and tells what it ignored."""

from __future__ import annotations

import random

import pyte
import pytest

from tests.product.lenient_screen import LenientScreen

PIECES = (
    b"\x1b[", b"\x1b[?", b"\x1b[38;5;2", b"\x1b", b"\x1b]52;c;AAA", b"\x18", b"\x07", b";", b"1", b"25", b"h",
    b"l", b"c", b"n", b"m", b"r", b"H", b"J", b"K", b"X", b"P", b"L", b"M", b"g", "東".encode(), "é".encode(),
    b"cpu1@field", b"\b", b"\r", b"\n", b"\xff",
)  # fmt: skip


def shown(*written: bytes) -> LenientScreen:
    """Return the screen after these writes."""
    screen = LenientScreen(20, 4)
    stream = pyte.ByteStream(screen)
    for data in written:
        stream.feed(data)
    return screen


@pytest.mark.parametrize(
    ("cut", "goes_on", "ignored"),
    [
        (b"\x1b[38;5;253;48", b"cpu1@field", "report_device_attributes (38, 5, 253, 48)"),
        (b"\x1b[?202", b"m", "select_graphic_rendition (202,) private"),
        (b"\x1b[38;5;2", b"12H", "cursor_position (38, 5, 212)"),
        (b"\x1b[?2", b"6n", "report_device_status (26,) private"),
        (b"\x1b[38;5", b"3J", "erase_in_display (38, 53)"),
        (b"\x1b[48", b"K", "erase_in_line (48,)"),
        (b"\x1b[?1;2", b"K", "erase_in_line (1, 2) private"),
    ],
)
def test_two_halves_of_sequences_are_ignored_and_told(cut: bytes, goes_on: bytes, ignored: str) -> None:
    screen = shown(b"\x1b[H", cut, goes_on + b"\x18\x1b[2;1Hback")
    assert screen.ignored == [ignored]
    assert screen.display[1].rstrip() == "back"


def test_what_terminals_know_is_not_ignored() -> None:
    screen = shown(
        b"\x1b[?1049h\x1b[?25l\x1b[>25u\x1b[?2026$p\x1b[6n\x1b[c\x1b[?2004l\x1b[2J\x1b[K\x1b[?K\x1b[r\x1b[2;3r"
        b"\x1b[m\x1b[38;5;253;48;2;1;2;3m\x1b[3;4Hhere\x1b[2D\x1b[1P\x1b[?25h"
    )
    assert screen.ignored == []
    assert screen.display[2].rstrip() == "   hee"


@pytest.mark.parametrize(
    ("written", "line"), [("東京\x1b[1;2Hx", "東x京"), ("東京\x1b[1;1Hx", "x 京"), ("a\x1b[1;20H東", "a")]
)
def test_half_a_wide_character_spoils_no_line(written: str, line: str) -> None:
    assert shown(b"\x1b[?7l", written.encode()).display[0].startswith(line)


def test_noise_ends_nothing() -> None:
    draw = random.Random(7)
    for _ in range(1_000):
        screen = shown(*(draw.choice(PIECES) for _ in range(draw.randint(1, 30))))
        assert len(screen.display) == 4
