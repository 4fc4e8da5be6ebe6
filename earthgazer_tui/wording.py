"""Times, spans and sizes in the fewest cells that still say it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SPAN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([smhd])?")
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def utc(moment: datetime | None, *, seconds: bool = False) -> str:
    """Return a moment in UTC: ``2026-11-14 11:23``; a dash where there is none."""
    if moment is None:
        return "–"
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def clock(moment: datetime | None, now: datetime) -> str:
    """Return a moment in UTC, without the date if it is today's: ``11:23:07`` or ``11-14 11:23``."""
    if moment is None:
        return "–"
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    return moment.strftime("%H:%M:%S" if moment.date() == now.date() else "%m-%d %H:%M")


def span(seconds: float | None) -> str:
    """Return a span of time in at most six cells: ``0.4s``, ``12s``, ``3m05s``, ``2h10m``, ``5d03h``."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{max(seconds, 0):.1f}s"
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole}s"
    if whole < _HOUR_S:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S}h{whole % _HOUR_S // 60:02d}m"
    return f"{whole // _DAY_S}d{whole % _DAY_S // _HOUR_S:02d}h"


def age(moment: datetime | None, now: datetime) -> str:
    """Return how long ago, or in how long, something is: ``just now``, ``14 min ago``, ``in 2 d``."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    size = abs(seconds)
    if size < _MINUTE_S:
        return "just now" if seconds >= 0 else "in a moment"
    if size < 2 * _HOUR_S:
        amount = f"{size // _MINUTE_S:.0f} min"
    elif size < 2 * _DAY_S:
        amount = f"{size // _HOUR_S:.0f} h"
    else:
        amount = f"{size // _DAY_S:.0f} d"
    return f"{amount} ago" if seconds >= 0 else f"in {amount}"


def size(n_bytes: int | None) -> str:
    """Return a size in binary units: ``812 B``, ``1.4 MiB``; a dash where it isn't known."""
    if n_bytes is None:
        return "–"
    amount = float(n_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def percent(value: float | None) -> str:
    """Return a share: ``93%``; a dash where it isn't known, and never 0 or 100 of what is not quite that."""
    if value is None:
        return "–"
    if 0 < value < 0.5:
        return "<1%"
    if 99.5 <= value < 100:
        return ">99%"
    return f"{value:.0f}%"


def counted(n: int, noun: str) -> str:
    """Return a number with its noun: ``1 capture``, ``5 captures``, ``2 processes``."""
    plural = "es" if noun.endswith("s") else "s"
    return f"{n} {noun}{'' if n == 1 else plural}"


def leaf_name(task_name: str) -> str:
    """Return the last part of a task's dotted name: ``compute_ndvi`` of ``earthgazer.cpu.compute_ndvi``."""
    return task_name.rsplit(".", 1)[-1] or task_name


def short_date(moment: datetime, now: datetime) -> str:
    """Return a moment in UTC in eleven cells: ``11-14 11:23``, or ``2025-11-14`` of another year."""
    moment = moment.astimezone(UTC)
    return moment.strftime("%m-%d %H:%M" if moment.year == now.year else "%Y-%m-%d")


def mission_name(mission: str) -> str:
    """Return a mission's short name: ``S2A`` for SENTINEL-2A, ``L8`` for LANDSAT_8; others as they are."""
    name = mission.upper().replace("_", "-")
    for long, short in (("SENTINEL-", "S"), ("LANDSAT-", "L")):
        if name.startswith(long):
            return short + name.removeprefix(long)
    return mission


def seconds_of(text: str) -> float:
    """Return the seconds that ``90``, ``1.5m``, ``2h`` or ``1d`` says.

    Raises:
        ValueError: it says none; the message says what is expected.
    """
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError("a time span is expected: 90, 15m, 2h or 1d")
    return float(found[1]) * {"": 1, "s": 1, "m": _MINUTE_S, "h": _HOUR_S, "d": _DAY_S}[found[2] or ""]
