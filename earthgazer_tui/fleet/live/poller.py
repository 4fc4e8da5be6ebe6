"""Looks at what tells nothing by itself: queue depths, workers' own words, the database, the stack."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING

from earthgazer_core.operations.broker import BrokerSnapshot, is_key
from earthgazer_core.operations.brokers import Broker
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.queues.rates import queue_rates
from earthgazer_core.operations.workers import WorkerReport, enable_events, survey
from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.live import later
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.names import Names
from earthgazer_tui.fleet.live.observations import Observations, ReportSeen, ServiceWatch
from earthgazer_tui.fleet.live.pause_watch import PauseWatch
from earthgazer_tui.fleet.live.reader import Reader
from earthgazer_tui.fleet.live.runner import Runner
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.live.worker_watch import WorkerWatch
from earthgazer_tui.fleet.models import Alert, Badges

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

QUEUES_EVERY_S = 0.5
NAMES_EVERY_S = 5.0
WORKERS_EVERY_S = 2.5
CENSUS_EVERY_S = 10.0
DATABASE_EVERY_S = 1.0
FRESHNESS_EVERY_S = 20.0
STACK_EVERY_S = 2.0
PAUSES_EVERY_S = 2.0
DEEDS_EVERY_S = 5.0
RATES_EVERY_S = 10.0
SCHEMA_EVERY_S = 30.0
SURVEY_TIMEOUT_S = 1.0
_BACKOFF_S = (0.5, 5.0)
_CALL_S = 12.0
_BROKER_FIRST_S = 0.6
"""Longest time that the database's part of the first look waits for the broker's."""
_PAINTED_S = 0.15
"""Time for what was heard to be painted."""
_WAITING_GRACE_S = 5.0
_MOST_SETTLED = 500
"""Tasks in doubt that the record is asked for at a time."""

logger = logging.getLogger(__name__)

FIRST_STEPS = (
    "Nothing is watched yet: press {fleet.discover-and-process|D} here to discover and process"
    " the sandbox location."
)


class Poller:
    """Asks on a schedule, notes what it hears, and comes back by itself after any outage."""

    def __init__(
        self,
        services: Services,
        state: EventsState,
        names: Names,
        seen: Observations,
        runner: Runner,
        on_change: Callable[[], None],
        *,
        is_read_only: bool,
    ) -> None:
        self._services = services
        self._state = state
        self._names = names
        self._seen = seen
        self._runner = runner
        self._on_change = on_change
        self._is_read_only = is_read_only
        self._reader = Reader(services.database)
        self._broker: Broker | None = None
        self._mailbox: Mailbox | None = None
        self._queue_names: tuple[str, ...] = ()
        self._asked: dict[str, int | None] = {}
        self._missing: dict[str, set[str]] = {}
        self._next: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._hurry = asyncio.Event()
        self._has_heard = asyncio.Event()
        self._is_first_look = True
        self._workers = WorkerWatch(seen, self._box)
        self._pauses = PauseWatch(services, names, seen, self._box, is_read_only=is_read_only)

    def start(self) -> None:
        """Begin to look."""
        loops: list[Coroutine[None, None, None]] = []
        if self._services.can_be_watched:
            loops.append(self._repeat(QUEUES_EVERY_S, self._look_at_queues, self._seen.broker))
            loops.append(self._repeat(WORKERS_EVERY_S, self._ask_workers, None))
            loops.append(self._repeat(PAUSES_EVERY_S, self._look_at_pauses, None))
        if self._services.database is not None:
            loops.append(self._repeat(DATABASE_EVERY_S, self._ask_database, self._seen.database))
        else:
            loops.append(self._load_later())
        if self._services.embedded is not None:
            loops.append(self._repeat(STACK_EVERY_S, self._ask_stack, None))
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    def hurry(self) -> None:
        """Look at once at what an operator may have changed."""
        self._next.pop("deeds", None)
        self._hurry.set()
        self._hurry = asyncio.Event()

    async def stop(self) -> None:
        """Look no more and give back what the broker lent us."""
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                logger.error("a look ended unforeseen", exc_info=outcome)
        with suppress(FleetError):
            await self._runner.run(3.0, self._let_go)

    def _let_go(self) -> None:
        if self._mailbox is not None:
            self._mailbox.close()
        if self._broker is not None:
            self._broker.close()
        self._pauses.close()

    async def _repeat(
        self, every_s: float, look: Callable[[], Awaitable[None]], watch: ServiceWatch | None
    ) -> None:
        pause_s = _BACKOFF_S[0]
        while True:
            try:
                await look()
            except FleetError as error:
                if watch is not None:
                    watch.down(str(error))
                    self._note_broker(watch, is_up=False)
                self._on_change()
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _BACKOFF_S[1])
                continue
            if watch is not None:
                watch.up()
                self._note_broker(watch, is_up=True)
            pause_s = _BACKOFF_S[0]
            self._on_change()
            with suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await self._hurry.wait()

    def _note_broker(self, watch: ServiceWatch, *, is_up: bool) -> None:
        if watch is self._seen.broker:
            if not is_up:
                # Workers connect anew too, and have forgotten that they were asked for events.
                self._asked.clear()
            self._seen.note_broker(time.monotonic(), is_up=is_up)

    def _is_due(self, what: str, every_s: float) -> bool:
        now = time.monotonic()
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + every_s
        return True

    async def _broker_comes_first(self) -> None:
        """Wait until a worker was heard of, or not for long: what else is imported would hold that up."""
        if self._services.can_be_watched:
            with suppress(TimeoutError):
                async with asyncio.timeout(_BROKER_FIRST_S):
                    await self._has_heard.wait()
            await asyncio.sleep(_PAINTED_S)

    async def _load_later(self) -> None:
        """Import what the verbs need, before anybody asks for it."""
        await self._broker_comes_first()
        await self._runner.run(_CALL_S, later.load)

    # ── the broker ────────────────────────────────────────────────────────
    async def _look_at_queues(self) -> None:
        told = {queue for kept in self._seen.reports.values() for queue in kept.report.queues}
        with self._state.lock:
            names = map(self._names.real_or_none, self._state.queue_in)
            told |= {name for name in names if name is not None and is_key(name)}
        looked_at = time.time()
        refresh = self._is_due("names", NAMES_EVERY_S) or not told <= set(self._queue_names)
        snapshot = await self._runner.run(_CALL_S, self._depths, refresh, tuple(sorted(told)))
        self._seen.note_queues(snapshot, time.monotonic())
        if snapshot.queues and not any(queue.depth for queue in snapshot.queues) and self._state.waiting:
            with self._state.lock:
                self._state.forget_waiting(looked_at - _WAITING_GRACE_S)

    async def _look_at_pauses(self) -> None:
        await self._runner.run(_CALL_S, self._pauses.look)

    def _depths(self, refresh: bool, told: tuple[str, ...]) -> BrokerSnapshot:
        if self._broker is None:
            self._broker = self._services.broker()
        if refresh or not self._queue_names:
            self._queue_names = self._broker.queue_names(told)
        return self._broker.snapshot(self._queue_names)

    # ── workers ───────────────────────────────────────────────────────────
    async def _ask_workers(self) -> None:
        # Those heard of answer within milliseconds; once in a while all are asked, with the whole time
        # limit, to hear of workers that send no heartbeats.
        known: tuple[str, ...] | None = self._known()
        if not known or self._is_due("census", CENSUS_EVERY_S):
            known = None
        loop = asyncio.get_running_loop()

        def heard(report: WorkerReport) -> None:
            loop.call_soon_threadsafe(self._take, report)

        await self._runner.run(_CALL_S, self._survey, known, heard)
        await self._runner.run(_CALL_S, self._workers.ask_settings)
        self._seen.is_surveyed = True
        self._has_heard.set()
        if not self._is_read_only:
            await self._ask_for_events()

    def _known(self) -> tuple[str, ...]:
        with self._state.lock:
            living = [worker.hostname for worker in self._state.workers.values() if not worker.is_stopped]
        # One of two that look the same can't be expected by name; it answers when all are asked.
        return tuple(name for one in living if (name := self._names.real_or_none(one)) is not None)

    def _box(self) -> Mailbox:
        if self._mailbox is None:
            assert self._services.app is not None  # noqa: S101 - started only where there is one
            self._mailbox = Mailbox(self._services.app)
        return self._mailbox

    def _survey(self, known: tuple[str, ...] | None, heard: Callable[[WorkerReport], None]) -> None:
        survey(self._box(), known, timeout_s=SURVEY_TIMEOUT_S, on_worker=heard)

    def _take(self, report: WorkerReport) -> None:
        """Note what a worker said of itself; runs on the event loop."""
        now = time.monotonic()
        hostname = self._names.show(report.hostname)
        active = {task.task_id for task in report.active}
        with self._state.lock:
            worker = self._state.note_seen(hostname, now)
            # What it doesn't run by its own words, twice, ended while we could not hear of it.
            missing = set(worker.running) - active
            for task_id in missing & self._missing.get(hostname, set()):
                del worker.running[task_id]
            self._missing[hostname] = missing
            for task in report.active:
                started = task.started_at.timestamp() if task.started_at else 0.0
                self._state.settle(task.task_id, "STARTED", started, hostname)
        self._seen.reports = {**self._seen.reports, hostname: ReportSeen(report, now)}
        self._on_change()
        self._has_heard.set()

    async def _ask_for_events(self) -> None:
        with self._state.lock:
            wanted = {
                worker.hostname: worker.pid
                for worker in self._state.workers.values()
                if not worker.is_stopped and self._asked.get(worker.hostname, -1) != worker.pid
            }
        if wanted:
            expected = tuple(one for name in wanted if (one := self._names.real_or_none(name)) is not None)
            answers = await self._runner.run(_CALL_S, enable_events, self._box(), expected)
            # One that is just starting may not hear it: it is asked again the next time.
            heard = {self._names.show(answer.worker) for answer in answers.answers if answer.is_ok}
            self._asked.update({name: pid for name, pid in wanted.items() if name in heard})

    # ── database and stack ────────────────────────────────────────────────
    async def _ask_database(self) -> None:
        if self._is_first_look:
            await self._load_later()
            self._is_first_look = False
        # Not at the top: they come with all that queries are made of, and the broker doesn't wait for that.
        from earthgazer_tui.fleet.live.badges import count, recorded_states
        from earthgazer_tui.fleet.live.locations import list_freshness

        with self._state.lock:
            running = [task_id for worker in self._state.workers.values() for task_id in worker.running]
            unseen = self._state.unseen(_MOST_SETTLED)
        found = await self._runner.run(_CALL_S, self._reader.read, count, running[:500])
        if unseen:
            settled = await self._runner.run(_CALL_S, self._reader.read, recorded_states, unseen)
            with self._state.lock:
                for task_id, (state, at) in settled.items():
                    self._state.settle(task_id, state, at.timestamp())
        seen = self._seen
        if self._is_due("schema", SCHEMA_EVERY_S):
            seen.schema_note = await self._runner.run(_CALL_S, self._reader.read, _schema_note)
        seen.badges = Badges(
            captures=found.captures, workflows=found.workflows, failed=found.failed, schedule=found.late
        )
        seen.oldest_waiting_at = found.oldest_waiting_at
        if self._is_due("rates", RATES_EVERY_S):
            rates = await self._runner.run(_CALL_S, self._reader.read, queue_rates)
            seen.rates = {rate.queue: rate for rate in rates}
        seen.progress = found.progress
        # What operators do elsewhere; after a deed of our own it is looked at once.
        if seen.reports and self._is_due("deeds", DEEDS_EVERY_S):
            seen.deeds = await self._runner.run(_CALL_S, self._workers.recorded, self._reader)
        if found.silent:
            with self._state.lock:
                for worker in self._state.workers.values():
                    for task_id in found.silent & worker.running.keys():
                        del worker.running[task_id]
        seen.first_steps = FIRST_STEPS if found.is_empty and self._offers_sandbox else ""
        if self._is_due("freshness", FRESHNESS_EVERY_S):
            places = await self._runner.run(_CALL_S, self._reader.read, list_freshness)
            told = Counter(place.status for place in places if place.is_overdue)
            seen.overdue = tuple(
                Alert(
                    "warning",
                    f"{place.name}: {place.status}: {place.reason}",
                    "{mode.captures|2} shows the captures",
                )
                for place in places[:3]
                if place.is_overdue
            )
            if (more := sum(told.values()) - len(seen.overdue)) > 0:
                seen.overdue += (
                    Alert(
                        "warning", f"{more} more places are overdue", "{mode.captures|2} shows the captures"
                    ),
                )

    @property
    def _offers_sandbox(self) -> bool:
        return self._services.settings.catalog.kind == "sandbox" and not self._is_read_only

    async def _ask_stack(self) -> None:
        embedded = self._services.embedded
        assert embedded is not None  # noqa: S101 - started only where there is one
        status = await self._runner.run(_CALL_S, embedded.client.status)
        self._seen.local_names = {
            self._names.show(process.hostname): process.name
            for process in status.processes
            if process.kind == "worker" and process.hostname is not None
        }


def _schema_note(session: Session) -> str:
    from earthgazer_core.db import standing

    return standing.note(standing.revision_of(session.connection()))
