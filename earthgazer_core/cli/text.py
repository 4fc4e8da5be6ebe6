"""Text of others on our terminal: nothing but what it shows."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that steer a terminal or hide: controls, bidirectional and invisible characters."""
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u034f") | {
    chr(point) for point in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}
"""Letters and marks that draw nothing, though their category says they would."""
_MOST_MARKS = 4
"""Combining marks on one character; more of them run over the lines above and below."""


def printable(value: object) -> str:
    """Return a value as one line in which control characters are visible escapes."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if is_harmful else char for char, is_harmful in _judged(text))


def json_safe(document: str) -> str:
    """Return a JSON document that says the same and steers no terminal; JSON itself escapes C0 alone."""
    if document.isascii() and "\x7f" not in document:
        return document
    return "".join(
        _json_escape(char) if is_harmful and char != "\n" else char for char, is_harmful in _judged(document)
    )


def json_ascii(document: str) -> str:
    """Return a JSON document that says the same in ASCII."""
    return "".join(char if char.isascii() else _json_escape(char) for char in document)


def _judged(text: str) -> Iterator[tuple[str, bool]]:
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        yield char, category in _ESCAPED or char in _INVISIBLE or marks > _MOST_MARKS


def _escape(char: str) -> str:
    point = ord(char)
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
