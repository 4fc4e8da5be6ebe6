"""The live fleet: the protocol's verbs over real services."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from earthgazer_core.stack.models import StartStep as CoreStep
from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.live.options import LiveOptions
from earthgazer_tui.fleet.live.services import Services, resolve
from earthgazer_tui.fleet.live.session import LiveSession
from earthgazer_tui.fleet.live.stack_end import StackEnd
from earthgazer_tui.fleet.live.start_steps import StartReport
from earthgazer_tui.fleet.live.verbs.base import READ_S
from earthgazer_tui.fleet.live.verbs.doctor import LiveDoctor
from earthgazer_tui.fleet.live.verbs.history import LiveHistory
from earthgazer_tui.fleet.live.verbs.imagery import LiveImagery
from earthgazer_tui.fleet.live.verbs.queues import LiveQueues
from earthgazer_tui.fleet.live.verbs.replay import LiveReplay
from earthgazer_tui.fleet.live.verbs.runs import LiveRuns
from earthgazer_tui.fleet.live.verbs.schedule import LiveSchedule
from earthgazer_tui.fleet.live.verbs.tasks import LiveTasks
from earthgazer_tui.fleet.live.verbs.workers import LiveWorkers
from earthgazer_tui.fleet.models import QuitChoice, Snapshot, StartStep, WorkInProgress

__all__ = ["LiveFleet", "LiveOptions"]

logger = logging.getLogger(__name__)

START_S = 130.0
"""Longest wait for the embedded stack."""


class LiveFleet(
    LiveImagery,
    LiveTasks,
    LiveRuns,
    LiveSchedule,
    LiveHistory,
    LiveDoctor,
    LiveWorkers,
    LiveQueues,
    LiveReplay,
):
    """A fleet that is really there; see :class:`earthgazer_tui.fleet.protocol.Fleet`."""

    def __init__(self, options: LiveOptions) -> None:
        super().__init__(options)
        self._stack_end: StackEnd | None = None
        self._late_steps: asyncio.Task[None] | None = None
        self._is_closed = False

    async def open(self, report: Callable[[StartStep], None]) -> None:
        """Start or attach to the services and begin to look."""
        loop = asyncio.get_running_loop()
        steps = StartReport(report)

        def on_step(step: CoreStep) -> None:
            loop.call_soon_threadsafe(steps.take, step)

        services = await self._runner.run(START_S, resolve, self._options, on_step)
        if services.embedded is not None:
            self._stack_end = StackEnd(services.embedded, self._options)
            self._late_steps = asyncio.create_task(self._report_late_steps(services, on_step))
        self._session = LiveSession(services, self._options, self._runner)
        self._session.start()

    async def _report_late_steps(self, services: Services, on_step: Callable[[CoreStep], None]) -> None:
        """Go on reporting workers that are still starting."""
        if services.embedded is None:
            return
        try:
            await self._runner.run(START_S, services.embedded.client.watch_start, on_step)
        except FleetError as error:
            # What becomes of the stack shows in the snapshots; this was only about its start.
            logger.warning("start of the stack: %s", error)

    async def work_in_progress(self) -> WorkInProgress:
        """Return what quitting now would end."""
        session = self._open_session()
        running, waiting = session.work()
        if self._stack_end is None:
            return WorkInProgress(is_embedded=False, other_consoles=0, running=running, waiting=waiting)
        is_ours, others = await self._runner.run(READ_S, self._stack_end.ownership)
        return WorkInProgress(is_embedded=is_ours, other_consoles=others, running=running, waiting=waiting)

    async def close(self, choice: QuitChoice | None) -> None:
        """Let go of everything; a second call with a stronger choice overtakes the first."""
        if self._is_closed:
            return
        if self._late_steps is not None:
            self._late_steps.cancel()
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        if self._stack_end is not None:
            await self._runner.run(self._stack_end.patience_s(choice), self._stack_end.let_go, choice)
        # Not before everything went well: whoever lost patience half-way closes once more.
        self._runner.close()
        await self._runner.last_calls()
        self._is_closed = True

    def watch(self) -> AsyncIterator[Snapshot]:
        """Yield the newest snapshot whenever something visible changed."""
        return self._open_session().feed.watch()
