"""Secrets in text that somebody else made of arguments: ``{'password': 'x'}`` shows ``***``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from earthgazer_core.recorder.redaction import MASK

_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_QUOTES: Final = "'\""


class TextMask:
    """Masks the values that follow names on the redaction list in a ``repr`` or in JSON."""

    def __init__(self, names: Iterable[str]) -> None:
        words = "|".join(re.escape(name) for name in names if name)
        self._key = (
            re.compile(rf"(?:['\"][^'\"\n]*(?:{words})[^'\"\n]*['\"]\s*:|\b\w*(?:{words})\w*\s*=)\s*", re.I)
            if words
            else None
        )

    def __call__(self, text: str) -> str:
        """Return the text with each such value masked; a value cut off by truncation is masked to the end."""
        if self._key is None:
            return text
        parts: list[str] = []
        at = 0
        while (found := self._key.search(text, at)) is not None:
            end = _end_of_value(text, found.end())
            parts.append(text[at : found.end()])
            parts.append(MASK)
            at = max(end, found.end())
        parts.append(text[at:])
        return "".join(parts)


def _end_of_value(text: str, start: int) -> int:
    """Return where the value ends that starts there: after its quotes or brackets, or at a comma."""
    stack: list[str] = []
    at = start
    while at < len(text):
        char = text[at]
        if char in _QUOTES:
            at = _end_of_text(text, at)
            if not stack:
                return at
            continue
        if char in _CLOSING:
            stack.append(_CLOSING[char])
        elif stack and char == stack[-1]:
            stack.pop()
            if not stack:
                return at + 1
        elif not stack and char in ",)]}\n":
            return at
        at += 1
    return at


def _end_of_text(text: str, start: int) -> int:
    quote = text[start]
    at = start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == quote:
            return at + 1
        at += 1
    return len(text)
