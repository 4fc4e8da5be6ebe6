"""Moments as options name them."""

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
    span = _SPAN.fullmatch(text.strip().lower())
    try:
        if span is not None:
            return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidInputError(f"{option} {text!r}: expected 30s, 30m, 2h, 1d or an ISO 8601 time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
