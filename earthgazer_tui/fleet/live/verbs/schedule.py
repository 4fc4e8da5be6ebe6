"""Periodic tasks."""

from __future__ import annotations

from collections.abc import Sequence

from earthgazer_tui.fleet.live.verbs.base import LiveVerbs
from earthgazer_tui.fleet.models import ActionResult, PeriodicTask


class LiveSchedule(LiveVerbs):
    """Periodic tasks."""

    async def schedule(self) -> Sequence[PeriodicTask]:
        """Return the periodic tasks by name."""
        from earthgazer_tui.fleet.live import schedule

        return await self._read(schedule.list_schedule)

    async def run_scheduled(self, names: Sequence[str]) -> ActionResult:
        """Send the tasks of these entries at once; their next runs by schedule stay."""
        from earthgazer_tui.fleet.live.schedule import ScheduleActions

        return await self._act(ScheduleActions(self._changing().services).run, names)

    async def switch_scheduled(self, names: Sequence[str], *, is_enabled: bool) -> ActionResult:
        """Switch these entries on or off."""
        from earthgazer_tui.fleet.live.schedule import ScheduleActions

        return await self._act(ScheduleActions(self._changing().services).switch, names, is_enabled)

    async def set_interval(self, names: Sequence[str], seconds: float | None) -> ActionResult:
        """Give these entries an interval of their own; None gives back what the code says."""
        from earthgazer_tui.fleet.live.schedule import ScheduleActions

        return await self._act(ScheduleActions(self._changing().services).set_interval, names, seconds)
