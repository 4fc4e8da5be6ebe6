"""Periodic tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from earthgazer_tui.fleet.models import ActionResult, PeriodicTask


class ScheduleVerbs(Protocol):
    """Periodic tasks."""

    async def schedule(self) -> Sequence[PeriodicTask]:
        """Return the periodic tasks by name."""

    async def run_scheduled(self, names: Sequence[str]) -> ActionResult:
        """Send the tasks of these entries at once; their next runs by schedule stay."""

    async def switch_scheduled(self, names: Sequence[str], *, is_enabled: bool) -> ActionResult:
        """Switch these entries on or off."""

    async def set_interval(self, names: Sequence[str], seconds: float | None) -> ActionResult:
        """Give these entries an interval of their own; None gives back what the code says."""
