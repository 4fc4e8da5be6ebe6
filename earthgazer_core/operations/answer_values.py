"""Values out of workers' answers; a worker may say anything, and what does not fit is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MOST = 2**63


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping as it is, and an empty one for all else."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Return the mappings of a list; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def integer(value: Any) -> int | None:
    """Return a whole number as it is, and None for all else."""
    # What doesn't fit is no count: databases and displays would choke on it.
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MOST else None


def is_integer(value: Any) -> bool:
    """Whether it is a whole number that fits."""
    return integer(value) is not None


def number(value: Any) -> float | None:
    """Return a number as it is, and None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < _MOST else None
