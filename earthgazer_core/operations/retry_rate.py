"""The rate at which many tasks are retried."""

from __future__ import annotations

import re
from dataclasses import dataclass

from earthgazer_core.errors import InvalidInputError

_RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:/\s*(s|m|h))?\s*")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds."""

    count: float
    """How many; above zero."""
    seconds: int = 1
    """In which time."""

    @property
    def interval_s(self) -> float:
        """Time from one to the next."""
        return self.seconds / self.count

    def __str__(self) -> str:
        unit = next(name for name, seconds in _SECONDS.items() if seconds == self.seconds)
        return f"{self.count:g}/{unit}"


def parse_rate(text: str) -> Rate:
    """Return the rate that ``5/s``, ``30/m`` or ``100/h`` names; a number alone is per second.

    Raises:
        InvalidInputError: it names none.
    """
    found = _RATE.fullmatch(text)
    if found is None or not 0 < float(found[1]) <= 1_000_000:
        raise InvalidInputError(f"rate {text!r}: expected 5/s, 30/m or 100/h")
    return Rate(float(found[1]), _SECONDS[found[2] or "s"])
