"""Terminals that don't speak UTF-8: how one is known, and what is drawn there instead."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from enum import Enum
from typing import Final

from rich.cells import cell_len

PROBE: Final = "\x1b7\x1b[1;1Hé\x1b[6n"
"""Draws one letter of two bytes and asks where the cursor is."""
AFTER_PROBE: Final = "\x1b[1;1H\x1b[2K\x1b8"
_AFTER_TWO_CELLS: Final = 2
_LINES: Final = (
    dict.fromkeys("─━═╌", "-") | dict.fromkeys("│┃║‖▏▎▍▌▋▊▉▐▕", "|") | dict.fromkeys("├└┌┐┘┤┬┴┼╰╭╮╯", "+")
)
_SIGNS: Final = dict(
    zip(
        "…–—→←↑↓·✓✗×≠≤≥▸▾▴●○◐◆◦•↻⊘±µ›↳≈▁▂▃▄▅▆▇█▀░▒▓°",
        "~--><^v.vxx#<>>v^*oo*.*@0~u>>~__--==###.:#o",
        strict=True,
    )
)
_BRAILLE: Final = range(0x2801, 0x2900)
_PYTHONS_OWN: Final = ("C.UTF-8", "C.utf8", "UTF-8")
"""What Python itself puts into LC_CTYPE where the locale is C, or one that isn't installed."""


class Charset(Enum):
    """What is known of a terminal."""

    UTF8 = "utf-8"
    OTHER = "other"
    UNKNOWN = "unknown"


def charset_of(encoding: str | None, environment: Mapping[str, str]) -> Charset:
    """Return what the environment says of the terminal.

    Nothing, ``C`` and ``POSIX`` say nothing: many a remote shell has no locale, and a terminal of today.

    Args:
        encoding: What Python writes to it.
        environment: The process' variables.
    """
    if _plain(encoding or "utf-8") != "utf8":
        return Charset.OTHER
    names = [environment.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    if names[1] in _PYTHONS_OWN:
        names[1] = ""
    _, _, charset = next(filter(None, names), "").partition("@")[0].partition(".")
    if not charset:
        return Charset.UNKNOWN
    return Charset.UTF8 if _plain(charset) == "utf8" else Charset.OTHER


def charset_by_answer(column: int) -> Charset:
    """Return what a terminal's answer to :data:`PROBE` says; columns count from 0."""
    return Charset.OTHER if column >= _AFTER_TWO_CELLS else Charset.UTF8


class StandIns(dict[int, str]):
    """For :meth:`str.translate`: ASCII of the same width for everything else, made when first needed."""

    def __missing__(self, point: int) -> str:
        self[point] = made = chr(point) if point < 0x80 else _stand_in(chr(point))
        return made


def _stand_in(char: str) -> str:
    known = _LINES.get(char) or _SIGNS.get(char)
    if known is not None:
        return known
    if ord(char) in _BRAILLE:
        return ":"
    width = cell_len(char)
    plain = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return plain.ljust(width) if plain.isprintable() and 0 < len(plain) <= width else "?" * width


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
