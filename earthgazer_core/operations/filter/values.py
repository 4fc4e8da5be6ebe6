"""Numbers, time spans and times of a filter line; a ValueError says what is expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from earthgazer_core.operations.filter.expression import Moment, Range

_INTEGER = re.compile(r"-?[0-9]{1,15}")
_SPAN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d|w)?")
_UNITS_S = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_LONGEST_S = 100 * 365 * 86_400.0


def integer_range(sign: str, text: str) -> Range:
    """Return the whole numbers that ``12``, ``>3``, ``1..5`` or ``..5`` stand for."""
    return _range(sign, text, _integer)


def span_range(sign: str, text: str) -> Range:
    """Return the seconds that ``>30``, ``<=2m`` or ``10..60`` stand for; a single span is none to meet."""
    if sign in ("", "=") and ".." not in text:
        raise ValueError("a time span is hardly ever met exactly: say >30, <2m or 10..60")
    return _range(sign, text, _seconds)


def moment(sign: str, text: str) -> Moment:
    """Return the time that ``2h`` (ago), ``2026-11-01`` or ``2026-11-01T18:30`` stands for.

    One without a zone is UTC.
    """
    if sign:
        raise ValueError("a time follows the colon at once: since:2h, before:2026-11-01")
    if _SPAN.fullmatch(text):
        return Moment(ago=timedelta(seconds=_seconds(text)))
    try:
        found = datetime.fromisoformat(text)
        return Moment(at=found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC))
    except (ValueError, OverflowError):
        raise ValueError("a time is expected: 2h, 30m, 2026-11-01 or 2026-11-01T18:30") from None


def _range(sign: str, text: str, number: Callable[[str], float]) -> Range:
    if ".." in text:
        if sign:
            raise ValueError(f"a range takes no {sign}: say 10..60")
        low, _, high = text.partition("..")
        if not low and not high:
            raise ValueError("a range has at least one end: 10..60, 10.. or ..60")
        return Range(number(low) if low else None, number(high) if high else None)
    value = number(text)
    match sign:
        case ">" | ">=":
            return Range(low=value, has_low=sign == ">=")
        case "<" | "<=":
            return Range(high=value, has_high=sign == "<=")
    return Range(value, value)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError("a whole number is expected")
    return int(text)


def _seconds(text: str) -> float:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError("a time span is expected: 30, 1.5s, 250ms, 2m, 1h or 3d")
    seconds = float(found[1]) * _UNITS_S[found[2] or ""]
    if seconds > _LONGEST_S:
        raise ValueError("that is longer than a hundred years")
    return seconds
