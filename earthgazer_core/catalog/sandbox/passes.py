"""The sandbox's satellite: when it passes, and what is the matter with each pass.

Passes lie on a fixed grid of ten days, the revisit of one Sentinel-2. The sandbox knows those of the
last hundred days before now, so freshness means something whenever it is looked at, and each later day
may bring a new one. What a pass is like follows from its number alone and repeats after ten: a product
once published never changes, whatever the day it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a pass demonstrates."""

    REFERENCE = "reference"
    """The chip as it was sensed, without a cloud."""
    CLEAR = "clear"
    """Hardly a cloud."""
    CLOUDY = "cloudy"
    """More than half under clouds and their shadows."""
    GAP = "gap"
    """The pass never came: nothing is published."""
    REPROCESSED = "acquired_twice"
    """Published twice, the second time with a higher baseline."""
    OFFSET = "offset_due"
    """Baseline 05.00 and later: dn are shifted by 1000."""
    NO_CLEAR_PIXEL = "no_clear_pixel"
    """Clouds everywhere."""


_CYCLE: Final = (
    Role.CLEAR, Role.CLOUDY, Role.CLEAR, Role.GAP, Role.REPROCESSED,
    Role.CLEAR, Role.NO_CLEAR_PIXEL, Role.OFFSET, Role.CLEAR, Role.REFERENCE,
)  # fmt: skip
_FIRST_PASS: Final = datetime(1999, 7, 4, 15, 26, 51, tzinfo=UTC)
_REVISIT: Final = timedelta(days=10)
_PUBLISHED_AFTER: Final = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Pass:
    """One passage of the satellite over the sandbox."""

    number: int
    """Counted from the first one."""

    @property
    def sensing_time(self) -> datetime:
        """When the satellite was overhead, aware UTC."""
        return _FIRST_PASS + self.number * _REVISIT

    @property
    def published_at(self) -> datetime:
        """When its product could be found."""
        return self.sensing_time + _PUBLISHED_AFTER

    @property
    def role(self) -> Role:
        """What it demonstrates."""
        return _CYCLE[(self.number - 1) % len(_CYCLE)]

    @property
    def baselines(self) -> tuple[str, ...]:
        """Processing baselines of its products; empty where nothing was published."""
        match self.role:
            case Role.GAP:
                return ()
            case Role.REPROCESSED:
                return ("03.01", "05.00")
            case Role.OFFSET:
                return ("05.11",)
            case _:
                return ("03.01",)


def recent_passes(now: datetime) -> list[Pass]:
    """Return the last ten passes whose products are out by ``now``, oldest first."""
    newest = (now - _PUBLISHED_AFTER - _FIRST_PASS) // _REVISIT
    return [Pass(number) for number in range(newest - len(_CYCLE) + 1, newest + 1)]
