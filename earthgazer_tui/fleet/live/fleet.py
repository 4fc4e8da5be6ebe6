"""The live fleet: the protocol's verbs over real services."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from earthgazer_core.stack.models import StartStep as CoreStep
from earthgazer_tui.fleet.errors import FleetError, ReadOnlyError, UnavailableError
from earthgazer_tui.fleet.live import (
    capture_detail,
    captures,
    history,
    locations,
    runs,
    schedule,
    task_list,
    tasks,
)
from earthgazer_tui.fleet.live.options import LiveOptions
from earthgazer_tui.fleet.live.runner import Runner
from earthgazer_tui.fleet.live.schedule import ScheduleActions
from earthgazer_tui.fleet.live.services import Services, resolve
from earthgazer_tui.fleet.live.session import LiveSession
from earthgazer_tui.fleet.live.stack_end import StackEnd
from earthgazer_tui.fleet.live.start_steps import StartReport
from earthgazer_tui.fleet.models import (
    ActionResult,
    CaptureDetail,
    CaptureRow,
    CheckProgress,
    Diagnosis,
    Finding,
    Freshness,
    History,
    OperatorAction,
    PeriodicTask,
    QuitChoice,
    RetryPlan,
    RunDetail,
    RunRow,
    Snapshot,
    StartStep,
    TaskDetail,
    TaskRow,
    WorkInProgress,
)

__all__ = ["LiveFleet", "LiveOptions"]

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

READ_S = 12.0
"""Longest wait for a reading from the database."""
COUNT_S = 40.0
"""Longest wait for the history of a long span and for Doctor, which have limits of their own."""
ACT_S = 30.0
"""Longest wait for something that changes the fleet."""
START_S = 130.0
"""Longest wait for the embedded stack."""


class LiveFleet:
    """A fleet that is really there; see :class:`earthgazer_tui.fleet.protocol.Fleet`."""

    def __init__(self, options: LiveOptions) -> None:
        self._options = options
        self._runner = Runner()
        self._session: LiveSession | None = None
        self._stack_end: StackEnd | None = None
        self._late_steps: asyncio.Task[None] | None = None
        self._is_closed = False

    # ── life ──────────────────────────────────────────────────────────────
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
        self._is_closed = True

    def watch(self) -> AsyncIterator[Snapshot]:
        """Yield the newest snapshot whenever something visible changed."""
        return self._open_session().feed.watch()

    # ── looking ───────────────────────────────────────────────────────────
    async def freshness(self) -> Sequence[Freshness]:
        """Return how fresh each active location is, most urgent first."""
        return await self._read(locations.list_freshness)

    async def captures(self, text: str = "", limit: int = 500) -> Sequence[CaptureRow]:
        """Return captures whose words match ``text``, newest acquisition first."""
        return await self._read(captures.list_captures, text, limit)

    async def capture(self, capture_id: int) -> CaptureDetail:
        """Return everything about one capture."""
        return await self._read(capture_detail.show_capture, capture_id)

    async def runs(self, text: str = "", limit: int = 200) -> Sequence[RunRow]:
        """Return workflow runs, running ones first, then newest first."""
        return await self._read(runs.list_runs, text, limit)

    async def run(self, run_id: str) -> RunDetail:
        """Return one run with its steps."""
        return await self._read(runs.show_run, run_id)

    async def failed(self, text: str = "", limit: int = 500) -> Sequence[TaskRow]:
        """Return failed and revoked tasks that were not dismissed, newest first."""
        session = self._open_session()
        if session.services.database is None:
            return await self._runner.run(
                READ_S, tasks.failed_by_events, session.state, session.seen, text, limit
            )
        return await self._read(tasks.list_failed, text, limit)

    async def tasks(self, text: str = "", limit: int = 500) -> Sequence[TaskRow]:
        """Return tasks in any state that match the filter line ``text``, newest change first."""
        session = self._open_session()
        return await self._runner.run(
            READ_S, task_list.list_tasks, session.reader, session.state, session.seen, text, limit
        )

    async def task(self, task_id: str) -> TaskDetail:
        """Return everything about one task."""
        session = self._open_session()
        return await self._runner.run(READ_S, session.task, task_id)

    async def schedule(self) -> Sequence[PeriodicTask]:
        """Return the periodic tasks by name."""
        return await self._read(schedule.list_schedule)

    async def history(self, span: timedelta, by: str = "task") -> History:
        """Return what ended within the span before now, counted by ``task`` or by ``queue``."""
        reader = self._open_session().reader
        return await self._runner.run(COUNT_S, partial(reader.read, history.read_history, span, by))

    async def actions(self, text: str = "", limit: int = 500) -> Sequence[OperatorAction]:
        """Return what operators did, newest first."""
        return await self._read(history.list_actions, text, limit)

    # ── doctor ────────────────────────────────────────────────────────────
    async def diagnose(self, report: Callable[[CheckProgress], None]) -> Diagnosis:
        """Return what is wrong with the fleet; ``report`` is called on the event loop meanwhile."""
        session, loop = self._open_session(), asyncio.get_running_loop()

        def on_check(progress: CheckProgress) -> None:
            loop.call_soon_threadsafe(report, progress)

        diagnosis = await self._runner.run(COUNT_S, session.doctor().diagnose, on_check)
        session.note_findings(len(diagnosis.findings))
        return diagnosis

    async def explain(self, task_id: str) -> Sequence[Finding]:
        """Return why a task is not done, the worst reason first; nothing for one that ended well."""
        return await self._runner.run(COUNT_S, self._open_session().doctor().explain, task_id)

    # ── imagery ───────────────────────────────────────────────────────────
    async def discover(self, location_ids: Sequence[int] | None = None) -> ActionResult:
        """Search the catalogue for new captures of these, or all active, locations."""
        return await self._act(self._changing().imagery.discover, location_ids)

    async def process(self, capture_ids: Sequence[int], *, force: bool = False) -> ActionResult:
        """Start the workflow for these captures; ``force`` makes everything anew."""
        return await self._act(self._changing().imagery.process, capture_ids, force)

    async def discover_and_process(self) -> ActionResult:
        """Start the full pipeline on all active locations."""
        return await self._act(self._changing().imagery.discover_and_process)

    # ── tasks ─────────────────────────────────────────────────────────────
    async def plan_retry(self, task_ids: Sequence[str]) -> RetryPlan:
        """Return what a retry of these tasks would send where; nothing is changed."""
        return await self._runner.run(ACT_S, self._open_session().task_actions.plan_retry, task_ids)

    async def retry(self, task_ids: Sequence[str]) -> ActionResult:
        """Publish the recorded messages of these tasks again; each is checked again at that moment."""
        return await self._act(self._changing().task_actions.retry, task_ids)

    async def revoke(self, task_ids: Sequence[str], *, terminate: bool = False) -> ActionResult:
        """Revoke these unfinished tasks; ``terminate`` also ends the process of one that runs."""
        return await self._act(self._changing().task_actions.revoke, task_ids, terminate)

    async def dismiss(self, task_ids: Sequence[str]) -> ActionResult:
        """Take these failures from the list; their history stays."""
        return await self._act(self._changing().task_actions.dismiss, task_ids)

    async def cancel_run(self, run_id: str) -> ActionResult:
        """Revoke all unfinished steps of a run, those yet to be published included."""
        return await self._act(self._changing().task_actions.cancel_run, run_id)

    # ── schedule ──────────────────────────────────────────────────────────
    async def run_scheduled(self, names: Sequence[str]) -> ActionResult:
        """Send the tasks of these entries at once; their next runs by schedule stay."""
        return await self._act(ScheduleActions(self._changing().services).run, names)

    async def switch_scheduled(self, names: Sequence[str], *, is_enabled: bool) -> ActionResult:
        """Switch these entries on or off."""
        return await self._act(ScheduleActions(self._changing().services).switch, names, is_enabled)

    async def set_interval(self, names: Sequence[str], seconds: float | None) -> ActionResult:
        """Give these entries an interval of their own; None gives back what the code says."""
        return await self._act(ScheduleActions(self._changing().services).set_interval, names, seconds)

    # ── workers ───────────────────────────────────────────────────────────
    async def grow_pool(self, hostname: str, n: int = 1) -> ActionResult:
        """Add processes to a worker's pool."""
        return await self._act(self._changing().pool_actions.grow, hostname, n)

    async def shrink_pool(self, hostname: str, n: int = 1) -> ActionResult:
        """Take processes from a worker's pool."""
        return await self._act(self._changing().pool_actions.shrink, hostname, n)

    async def start_worker(self, profile: str) -> ActionResult:
        """Start one more local worker of the embedded stack."""
        return await self._act(self._changing().pool_actions.start_worker, profile)

    async def stop_worker(self, local_name: str) -> ActionResult:
        """Stop a local worker warm: what it runs ends first."""
        return await self._act(self._changing().pool_actions.stop_worker, local_name)

    async def enable_events(self) -> ActionResult:
        """Ask all workers to send task events."""
        return await self._act(self._changing().pool_actions.enable_events)

    # ── how ───────────────────────────────────────────────────────────────
    def _open_session(self) -> LiveSession:
        if self._session is None:
            raise UnavailableError("the fleet is not open")
        return self._session

    def _changing(self) -> LiveSession:
        """Return the session for a verb that changes the fleet; every such verb comes through here."""
        if self._options.read_only:
            raise ReadOnlyError("this console was started read-only")
        return self._open_session()

    async def _read(
        self, query: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        reader = self._open_session().reader
        return await self._runner.run(READ_S, partial(reader.read, query, *args, **kwargs))

    async def _act(self, verb: Callable[P, ActionResult], *args: P.args, **kwargs: P.kwargs) -> ActionResult:
        session = self._open_session()
        try:
            return await self._runner.run(ACT_S, verb, *args, **kwargs)
        finally:
            session.look_again()
