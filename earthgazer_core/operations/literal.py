"""Arguments read back from the text that events show of them, where that text provably says all."""

from __future__ import annotations

import ast
import re
from typing import Any

_CUT_AT = 1024
"""Length at which publishers cut."""
_MASKS = re.compile(
    r"[*•x#_.\-]{3,}|[\[<(]?\s*(?:redacted|hidden|secret|masked|filtered)\s*[\])>]?", re.IGNORECASE
)


def read_literal(text: str) -> tuple[Any, str]:
    """Return (the value that a repr shows, why it can't be told).

    Celery's own repr neither escapes backslashes nor tells bytes from text, cuts what is long or deep, and
    an author may put any text in its place: whatever could come from two values is refused.
    """
    reason = _doubt(text)
    if reason:
        return None, reason
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None, "they are no literals"
    if repr(value) != text:
        return None, "the text does not read back as it was written"
    return (None, reason) if (reason := _unsafe(value)) else (value, "")


def _doubt(text: str) -> str:
    if not text:
        return "none were told"
    if len(text) >= _CUT_AT - 1:
        return f"they may be cut at {_CUT_AT} characters"
    if "..." in text or "…" in text:
        return "they are cut"
    if "\\" in text:
        return "escapes in it can be read in two ways"
    return ""


def _unsafe(value: Any) -> str:
    """Return why a value may not be what was sent."""
    if isinstance(value, str):
        return "a mask stands for a value" if _MASKS.fullmatch(value) else ""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return "a mapping has keys that are no text"
        return next(filter(None, map(_unsafe, value.values())), "")
    if isinstance(value, list | tuple):
        return next(filter(None, map(_unsafe, value)), "")
    if value is None or isinstance(value, bool | int | float):
        return ""
    return f"a {type(value).__name__} can't be told from its text"
