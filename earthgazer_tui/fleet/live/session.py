"""One open look at one fleet: what listens, what asks, and what acts, wired together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from earthgazer_core import recorder
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.recorder.masking import TextMask
from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.live.audit import Audit
from earthgazer_tui.fleet.live.clock import moment
from earthgazer_tui.fleet.live.events import EventStream
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.feed import Feed
from earthgazer_tui.fleet.live.names import Names
from earthgazer_tui.fleet.live.observations import Observations, ServiceWatch
from earthgazer_tui.fleet.live.options import LiveOptions
from earthgazer_tui.fleet.live.poller import Poller
from earthgazer_tui.fleet.live.reader import Reader
from earthgazer_tui.fleet.live.runner import Runner
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.live.snapshot import Clock, Origin, SnapshotBuilder
from earthgazer_tui.fleet.live.workers_view import age_of, state_of
from earthgazer_tui.fleet.models import QueueHour, ServiceState, TaskDetail, WorkerState

if TYPE_CHECKING:
    from earthgazer_tui.fleet.live.controls import Controls
    from earthgazer_tui.fleet.live.doctor import Doctor, Remedies
    from earthgazer_tui.fleet.live.foreign_tasks import ForeignTasks
    from earthgazer_tui.fleet.live.imagery import Imagery
    from earthgazer_tui.fleet.live.pool_actions import PoolActions
    from earthgazer_tui.fleet.live.queue_actions import QueueActions
    from earthgazer_tui.fleet.live.task_actions import TaskActions
    from earthgazer_tui.fleet.live.worker_actions import WorkerActions
    from earthgazer_tui.fleet.live.worker_facts import WorkerFacts

_RELEASE_S = 5.0
_REMEMBER_EVERY_S = 1.5


class LiveSession:
    """Everything that lives between opening a fleet and closing it."""

    def __init__(self, services: Services, options: LiveOptions, runner: Runner) -> None:
        self.services = services
        self._runner = runner
        self._names = Names()
        self._remedies: Remedies | None = None
        self._mailbox: Mailbox | None = None
        self._mask = TextMask(services.settings.recorder.redact)
        self.state = EventsState(self._names, mask=self._mask)
        broker = ServiceState.CONNECTING if services.app is not None else ServiceState.ABSENT
        database = ServiceState.CONNECTING if services.database is not None else ServiceState.ABSENT
        self.seen = Observations(
            ServiceWatch(services.broker_label, broker), ServiceWatch(services.database_label, database)
        )
        self.reader = Reader(services.database)
        origin = Origin(
            services.context, services.embedded is not None, options.read_only, services.is_foreign
        )
        self._stream: EventStream | None = None
        builder = SnapshotBuilder(
            origin, self.state, self.seen, self._names, self._unread_reason, self._clock()
        )
        # A thread of its own: what is out has to be shown while all others wait for it.
        self._builders = Runner(1, name="snapshots")
        self.feed = Feed(builder, self._builders, options.refresh_hz)
        self._poller = Poller(
            services, self.state, self._names, self.seen, runner, self.feed.note_change,
            is_read_only=options.read_only,
        )  # fmt: skip
        self.audit = Audit(services.database, services.context)
        self._remembering: asyncio.Task[None] | None = None

    # ── who acts: imported when first asked for, since all that comes after the first look ──
    @cached_property
    def imagery(self) -> Imagery:
        """Discovers and processes captures."""
        from earthgazer_tui.fleet.live.imagery import Imagery

        return Imagery(self.services, self.audit)

    @cached_property
    def foreign(self) -> ForeignTasks:
        """Knows tasks of a fleet without a record."""
        from earthgazer_tui.fleet.live.foreign_tasks import ForeignTasks

        return ForeignTasks(self.services, self.state, self.seen, self.audit, self.mailbox, self.living)

    @cached_property
    def task_actions(self) -> TaskActions:
        """Acts on tasks and runs."""
        from earthgazer_tui.fleet.live.task_actions import TaskActions

        return TaskActions(
            self.services, self.state, self.audit, self.mailbox, self.living, self.foreign, self.seen
        )

    @cached_property
    def pool_actions(self) -> PoolActions:
        """Acts on our own stack's processes."""
        from earthgazer_tui.fleet.live.pool_actions import PoolActions

        return PoolActions(self.services, self.audit, self.mailbox, self.living)

    @cached_property
    def _controls(self) -> Controls:
        from earthgazer_tui.fleet.live.controls import Controls

        return Controls(self.services, self.living)

    @cached_property
    def worker_actions(self) -> WorkerActions:
        """Acts on workers."""
        from earthgazer_tui.fleet.live.worker_actions import WorkerActions

        return WorkerActions(
            self.services, self._names, self.audit, self._controls, self.seen, self.last_seen
        )

    @cached_property
    def worker_facts(self) -> WorkerFacts:
        """Asks workers for what they seldom tell."""
        from earthgazer_tui.fleet.live.worker_facts import WorkerFacts

        return WorkerFacts(self._names, self._controls, self.seen, self.last_seen)

    @cached_property
    def queue_actions(self) -> QueueActions:
        """Looks into queues and acts on them."""
        from earthgazer_tui.fleet.live.queue_actions import QueueActions

        return QueueActions(
            self.services, self._names, self.audit, self.mailbox, self.living, self.consumed_queues,
            lambda: self.seen.visibility_timeout_s,
        )  # fmt: skip

    def start(self) -> None:
        """Begin to listen and to ask."""
        if self.services.app is not None and self.services.can_be_watched:
            self._stream = EventStream(self.services.app, self.state, self.feed.note_change)
            self._stream.start()
        elif self.services.app is not None:
            self.seen.broker.down("only Redis and RabbitMQ can be looked at; history works")
        self._poller.start()
        self.feed.start()
        if self.services.database is None and self.services.is_redis:
            self._remembering = asyncio.create_task(self._remember())

    async def close(self) -> None:
        """Stop listening and asking, and let go of every connection."""
        if self._remembering is not None:
            self._remembering.cancel()
        await self.feed.stop()
        self._builders.close()
        await self._poller.stop()
        with suppress(FleetError):
            await self._runner.run(_RELEASE_S, self._let_go)

    def _clock(self) -> Clock:
        """Return what time it is in what we look at."""
        return Clock()

    def look_again(self) -> None:
        """Ask workers and database anew at once: something was changed."""
        self._poller.hurry()
        self.feed.note_change()

    def mailbox(self) -> Mailbox:
        """Return the mailbox for commands, apart from the poller's: nobody waits behind a dead worker."""
        app = self.services.need_app()
        if self._mailbox is None:
            self._mailbox = Mailbox(app)
        return self._mailbox

    def living(self) -> tuple[str, ...]:
        """Return the real names of the workers that can be expected to answer."""
        now = time.monotonic()
        with self.state.lock:
            hostnames = [
                worker.hostname
                for worker in self.state.workers.values()
                if state_of(worker, age_of(worker, self.seen, now)) in (WorkerState.SEEN, WorkerState.LATE)
            ]
        return tuple(self._known(hostnames))

    def _known(self, hostnames: Iterable[str]) -> list[str]:
        """Return real names; one of two that look the same is known to nobody."""
        return [name for one in hostnames if (name := self._names.real_or_none(one)) is not None]

    def consumed_queues(self) -> tuple[str, ...]:
        """Return the real names of the queues that workers said they consume."""
        return tuple({queue for kept in self.seen.reports.values() for queue in kept.report.queues})

    def other_queues(self, queue: str) -> tuple[str, ...]:
        """Return the names as shown of the queues known, without this one."""
        snapshot = self.seen.queues
        known = () if snapshot is None else snapshot.queues
        return tuple(name for one in known if (name := self._names.show(one.name)) != queue)

    def sent_times(self, task_ids: Sequence[str]) -> dict[str, datetime]:
        """Return when these tasks were published, as far as their publishers' events told."""
        with self.state.lock:
            tasks = [self.state.find(task_id) for task_id in task_ids]
        sent = {task.task_id: moment(task.sent_at) for task in tasks if task is not None}
        return {task_id: at for task_id, at in sent.items() if at is not None}

    def queue_hour(self, queue: str) -> QueueHour:
        """Return the depth of a queue over the last hour, as far as it was watched."""
        return QueueHour(queue, self.seen.hour.depths(self._names.real(queue)))

    def last_seen(self, hostname: str) -> str:
        """Return in words when a worker was heard of, by its name as shown."""
        with self.state.lock:
            worker = self.state.workers.get(hostname)
            if worker is None:
                return "never seen"
            age_s = age_of(worker, self.seen, time.monotonic())
        said = "it said good-bye, " if worker.is_stopped else ""
        return f"{said}last seen {age_s:.0f} s ago"

    def doctor(self) -> Doctor:
        """Return a doctor who knows which workers there were."""
        # What a doctor knows takes a tenth of a second to import, and is seldom asked for.
        from earthgazer_tui.fleet.live.doctor import Doctor, Remedies

        with self.state.lock:
            if self._remedies is None:
                self._remedies = Remedies()
            workers = [worker for worker in self.state.workers.values() if not worker.is_stopped]
            expected = tuple(self._known(worker.hostname for worker in workers))
            with_events = self._known(worker.hostname for worker in workers if worker.task_events)
            unread = self.state.malformed
        return Doctor(self.services, expected, frozenset(with_events), self._remedies, unread)

    def note_findings(self, n: int) -> None:
        """Note how much Doctor found, for the badge."""
        self.seen.findings = n
        self.feed.note_change()

    def work(self) -> tuple[int, int]:
        """Return (tasks that run, messages that wait)."""
        newest = self.feed.newest
        if newest is None:
            return 0, 0
        running = sum(
            worker.active for worker in newest.workers if worker.state in (WorkerState.SEEN, WorkerState.LATE)
        )
        return running, sum(queue.depth for queue in newest.queues)

    def task(self, task_id: str) -> TaskDetail:
        """Return everything about one task: what was recorded, else what events told; blocks.

        Raises:
            NotFoundError: neither is anything.
        """
        from earthgazer_tui.fleet.live import relations, tasks

        if self.services.database is not None:
            detail = self.reader.read(tasks.show_task, task_id)
            if detail is not None:
                links = self.reader.read(relations.links_of, task_id)
                return tasks.task_detail(detail, self.task_actions.offer(task_id), links)
        if self.services.is_foreign:
            return self.foreign.detail(task_id)
        return tasks.task_by_events(self.state, self.seen, task_id, self._mask)

    async def _remember(self) -> None:
        """Look now and then at messages whose arguments nobody else keeps."""
        while True:
            await asyncio.sleep(_REMEMBER_EVERY_S)
            with suppress(FleetError):
                # The poller says why the broker can't be asked.
                await self._runner.run(_RELEASE_S, lambda: self.foreign.remember())

    def _unread_reason(self) -> str:
        if self._stream is None:
            return ""
        return self._stream.unread_reason if self._stream.is_listening else self._stream.reason

    def _let_go(self) -> None:
        if self._stream is not None:
            self._stream.stop()
        if self._mailbox is not None:
            self._mailbox.close()
        for name in ("_controls", "task_actions", "queue_actions"):
            if name in vars(self):
                getattr(self, name).close()
        services = self.services
        if services.app is not None and not services.is_foreign:
            # The call that installs it is also the one that finds it.
            found = recorder.install(services.app, services.settings.recorder, services.settings.database)
            if found is not None:
                found.close()
        if services.app is not None:
            services.app.close()
        if services.database is not None:
            services.database.dispose()
