"""Secrets in text of others: ``{'password': 'x'}`` and ``redis://:x@host`` show ``***``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = "***"
"""Stands for a hidden value."""

_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_QUOTES: Final = "'\""
_AROUND: Final = 100
"""Most characters of a name on either side of a listed word: without a bound, hostile text takes hours."""
_USERINFO: Final = re.compile(r"(://[^\s:/?#@'\"<>]{0,200}:)[^\s/?#@'\"<>]{1,500}@")
"""The user of a URL, and its password."""


class Words:
    """Whether a text holds any of some words, whatever their case."""

    def __init__(self, words: Iterable[str]) -> None:
        self._lower = tuple(word.lower() for word in words if word)
        pattern = "|".join(map(re.escape, self._lower))
        self._pattern = re.compile(pattern, re.I) if pattern else None

    def are_in(self, text: str) -> bool:
        """Return whether it does."""
        if text.isascii():
            # A hundred times as quick on a megabyte, which the pattern would hold everything up for.
            lower = text.lower()
            for word in self._lower:  # noqa: SIM110 - twice as quick as any(), and asked many times a task
                if word in lower:
                    return True
            return False
        return self._pattern is not None and self._pattern.search(text) is not None


class TextMask:
    """Masks the values behind names on the redaction list in a ``repr`` or JSON, and URLs' passwords."""

    def __init__(self, names: Iterable[str]) -> None:
        names = tuple(name for name in names if name)
        self._words = Words(names)
        words = "|".join(map(re.escape, names))
        quoted = rf"['\"][^'\"\n]{{0,{_AROUND}}}(?:{words})[^'\"\n]{{0,{_AROUND}}}['\"]\s{{0,8}}:"
        # Other names, as authors write them in messages and tracebacks, stand before an equals sign.
        plain = rf"(?:{words})\w{{0,{_AROUND}}}\s{{0,8}}="
        self._key = re.compile(rf"(?:{quoted}|{plain})\s{{0,8}}", re.I)

    def __call__(self, text: str) -> str:
        """Return the text with each such value masked; a value cut off by truncation is masked to the end."""
        if "://" in text:
            text = _USERINFO.sub(rf"\1{MASK}@", text)
        if not self._words.are_in(text):
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
