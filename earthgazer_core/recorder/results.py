"""A task's result as history keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earthgazer_core.recorder.redaction import MASK, without_secrets

_LONGEST_REPR = 4 * 1024
_HUGE_TEXT = 1_000_000
_HUGE_COUNT = 100_000


def kept_result(value: Any, hidden: tuple[str, ...] = ()) -> Any:
    """Return a result as it is kept: masked, and only its beginning where it is huge."""
    masked = _mask(value, frozenset(hidden)) if hidden else value
    return {"repr": repr(masked)[:_LONGEST_REPR]} if _is_huge(masked) else masked


def _is_huge(value: Any) -> bool:
    if isinstance(value, str | bytes):
        return len(value) > _HUGE_TEXT
    if isinstance(value, list | tuple | dict | set | frozenset):
        return len(value) > _HUGE_COUNT
    return False


def _mask(value: Any, hidden: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _mask(item, hidden) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mask(item, hidden) for item in value]
    if isinstance(value, str):
        return MASK if value in hidden and value else without_secrets(value, hidden)
    return MASK if not isinstance(value, bool) and str(value) in hidden else value
