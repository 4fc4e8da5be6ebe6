"""Times and sizes on their way to a view: within the calendar, and as coarse as anybody reads them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

_MAX = 253_402_300_799.0  # 9999-12-31T23:59:59Z


def moment(seconds: float | None) -> datetime | None:
    """Return seconds since the epoch as aware UTC; anybody may have sent them, so nonsense is None."""
    if seconds is None or not 0.0 <= seconds <= _MAX:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def number(value: object) -> float | None:
    """Return a number that a worker told, None for anything else."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def coarse_age(seconds: float) -> float:
    """Return an age rounded down so that it changes the less often the greater it is."""
    for step, below in ((1.0, 10.0), (5.0, 60.0), (60.0, 3600.0)):
        if seconds < below:
            return max(0.0, seconds // step * step)
    return seconds // 3600.0 * 3600.0


def coarse_bytes(n_bytes: int | None) -> int | None:
    """Return a size rounded to whole mebibytes."""
    return None if n_bytes is None else n_bytes >> 20 << 20
