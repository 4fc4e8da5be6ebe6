"""All that a view can ask of a fleet: one protocol of verbs over frozen values.

Every method is a coroutine that never blocks the event loop, ends within a time limit, and raises
only :class:`~earthgazer_tui.fleet.errors.FleetError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from earthgazer_tui.fleet.models import QuitChoice, Snapshot, StartStep, WorkInProgress
from earthgazer_tui.fleet.verbs.doctor import DoctorVerbs
from earthgazer_tui.fleet.verbs.history import HistoryVerbs
from earthgazer_tui.fleet.verbs.imagery import ImageryVerbs
from earthgazer_tui.fleet.verbs.queues import QueuesVerbs
from earthgazer_tui.fleet.verbs.replay import ReplayVerbs
from earthgazer_tui.fleet.verbs.runs import RunsVerbs
from earthgazer_tui.fleet.verbs.schedule import ScheduleVerbs
from earthgazer_tui.fleet.verbs.tasks import TasksVerbs
from earthgazer_tui.fleet.verbs.workers import WorkersVerbs


class Fleet(
    ImageryVerbs,
    TasksVerbs,
    RunsVerbs,
    ScheduleVerbs,
    HistoryVerbs,
    DoctorVerbs,
    WorkersVerbs,
    ReplayVerbs,
    QueuesVerbs,
    Protocol,
):
    """A Celery fleet, its broker and, where there is one, its database."""

    async def open(self, report: Callable[[StartStep], None]) -> None:
        """Start or attach to the services; ``report`` is called on the event loop.

        Returns as soon as there is something to look at; a service that is down later, or already,
        is told in the snapshots, not raised.

        Raises:
            FleetError: an embedded stack can't be started at all; the message says what to do.
        """

    async def work_in_progress(self) -> WorkInProgress:
        """Return what quitting now would end."""

    async def close(self, choice: QuitChoice | None) -> None:
        """Let go of everything; ``choice`` says what becomes of an embedded stack that is ours alone.

        None lets go without a choice, as a lost link does: running tasks end, then the stack stops.
        """

    def watch(self) -> AsyncIterator[Snapshot]:
        """Yield the newest snapshot whenever something changed, a few times a second at most."""
