"""Moments and spans of time as options name them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from earthgazer_core.errors import InvalidInputError

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str, option: str) -> datetime:
    """Return the moment that a span before now, or a time, names.

    Args:
        text: ``30s``, ``30m``, ``2h``, ``1d`` or an ISO 8601 time, UTC where it names no zone.
        option: Name of the option, for the message.

    Raises:
        InvalidInputError: it is neither.
    """
    try:
        if (ago := _span(text.strip().lower())) is not None:
            return datetime.now(UTC) - ago
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidInputError(f"{option} {text!r}: expected 30s, 30m, 2h, 1d or an ISO 8601 time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def span(text: str, option: str) -> timedelta:
    """Return the span of time that a text names.

    Args:
        text: ``30s``, ``10m``, ``8h`` or ``2d``; not nothing.
        option: Name of the option, for the message.

    Raises:
        InvalidInputError: it is none.
    """
    found = _span(text)
    if not found:
        raise InvalidInputError(f"{option} {text!r}: expected 30s, 10m, 8h or 2d")
    return found


def _span(text: str) -> timedelta | None:
    found = _SPAN.fullmatch(text)
    return None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})
