"""Builds frozen snapshots from the event store and the poller's observations."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from earthgazer_core.operations.visibility import visibility_timeout_s
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.alerts import alerts_of
from earthgazer_tui.fleet.live.clock import coarse_age, moment
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.names import Names
from earthgazer_tui.fleet.live.observations import Observations
from earthgazer_tui.fleet.live.rates import Rates, Totals
from earthgazer_tui.fleet.live.records import TaskRecord
from earthgazer_tui.fleet.live.workers_view import age_of, is_forgotten, worker_view
from earthgazer_tui.fleet.models import (
    Counters,
    QueueDepth,
    ReplayPosition,
    Snapshot,
    TaskRow,
    Worker,
    WorkerState,
)

RECENT = 50
_EPOCH = datetime.fromtimestamp(0, UTC)
_GAP_SHOWN_S = 300.0
"""How long it is told that events were missed."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What we look at, which never changes while we look."""

    context: str
    """``embedded``, ``configured`` or ``foreign``."""
    is_embedded: bool
    """Whether we run it."""
    is_read_only: bool
    """Whether changing it is refused."""
    is_foreign: bool = False
    """Whether it isn't known to be EarthGazer's."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is: now, or in a recording that is looked at again."""

    monotonic: Callable[[], float] = time.monotonic
    """Seconds on the clock that the store was folded with."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    """Aware UTC."""
    position: Callable[[], ReplayPosition | None] = lambda: None
    """Where we are in a recording; None in a fleet that is alive."""


class SnapshotBuilder:
    """Makes one snapshot after the other; belongs to one thread at a time."""

    def __init__(
        self,
        origin: Origin,
        state: EventsState,
        seen: Observations,
        names: Names,
        unread_reason: Callable[[], str],
        clock: Clock = Clock(),
    ) -> None:
        self._origin = origin
        self._state = state
        self._seen = seen
        self._names = names
        self._unread_reason = unread_reason
        self._clock = clock
        self._rates = Rates()

    def build(self) -> Snapshot:
        """Return the fleet at this moment."""
        now = self._clock.monotonic()
        state, seen = self._state, self._seen
        with state.lock:
            self._rates.sample(
                Totals(
                    now, state.events, state.ended, state.failed, dict(state.queue_in), dict(state.queue_out)
                )
            )
            workers = self._workers(now)
            recent = self._recent()
            waiting_since = next(iter(state.waiting.values()), None)
            shed = state.shed + state.evicted
            is_recent = state.gap_at is not None and now - state.gap_at < _GAP_SHOWN_S
            gaps = state.gaps if is_recent else 0
            is_deaf = self._is_deaf()
        queues = self._queues(workers)
        counters = Counters(
            finished_per_s=self._rates.finished_per_s,
            failed_percent=self._rates.failed_percent,
            oldest_waiting_s=self._oldest_waiting(queues, waiting_since),
            throughput=self._rates.throughput,
            events_per_s=round(self._rates.events_per_s, 1),
            events_shed=shed,
            event_gaps=gaps,
            is_deaf=is_deaf,
        )
        alerts = [
            *alerts_of(
                seen.broker.service, seen.database.service, queues, workers, counters,
                is_read_only=self._origin.is_read_only, unread_reason=self._unread_reason(),
                late_entries=seen.badges.schedule or 0, schema_note=seen.schema_note,
            ),
            *seen.overdue,
        ]  # fmt: skip
        return Snapshot(
            taken_at=self._clock.now(),
            context=self._origin.context,
            is_embedded=self._origin.is_embedded,
            is_foreign=self._origin.is_foreign,
            is_read_only=self._origin.is_read_only,
            broker=seen.broker.service,
            database=seen.database.service,
            queues=queues,
            workers=workers,
            counters=counters,
            badges=replace(
                seen.badges,
                queues=sum(queue.depth for queue in queues) if seen.queues is not None else None,
                workers=sum(worker.state is WorkerState.SEEN for worker in workers),
                tasks=sum(worker.active for worker in workers if worker.state is WorkerState.SEEN),
                doctor=seen.findings,
            ),
            alerts=tuple(sorted(alerts, key=lambda alert: alert.severity != "critical")),
            recent=recent,
            first_steps=seen.first_steps,
            replay=self._clock.position(),
        )

    def _workers(self, now: float) -> tuple[Worker, ...]:
        state, seen = self._state, self._seen
        gone = [
            name for name, worker in state.workers.items() if is_forgotten(worker, age_of(worker, seen, now))
        ]
        for name in gone:
            state.forget_worker(name)
        return tuple(
            worker_view(worker, state.tasks, seen, now) for _, worker in sorted(state.workers.items())
        )

    def _is_deaf(self) -> bool:
        living = [worker for worker in self._state.workers.values() if not worker.is_stopped]
        return any(worker.is_deaf for worker in living) and not any(worker.task_events for worker in living)

    def _recent(self) -> tuple[TaskRow, ...]:
        rows: dict[str, TaskRow] = {}
        for task in reversed(self._state.recent):
            if task.task_id not in rows:
                rows[task.task_id] = task_row(task, self._seen)
                if len(rows) == RECENT:
                    break
        return tuple(rows.values())

    def _queues(self, workers: tuple[Worker, ...]) -> tuple[QueueDepth, ...]:
        seen = self._seen
        if seen.queues is None:
            return ()
        limit_s = seen.visibility_timeout_s = visibility_timeout_s(
            (
                seen.settings[worker.hostname][1]
                for worker in workers
                if worker.hostname in seen.settings and worker.state in (WorkerState.SEEN, WorkerState.LATE)
            ),
            seen.queues.visibility_timeout_s,
        )
        rows = []
        for queue in seen.queues.queues:
            name = self._names.show(queue.name)
            rate_in, rate_out = self._rates.queue(name)
            if rate_in is None and (recorded := seen.rates.get(queue.name)) is not None:
                rate_in, rate_out = round(recorded.in_per_s, 2), round(recorded.out_per_s, 2)
            consumers = sum(
                name in worker.queues and worker.state in (WorkerState.SEEN, WorkerState.LATE)
                for worker in workers
            )
            rows.append(
                QueueDepth(
                    name=name,
                    depth=queue.depth,
                    by_priority=queue.by_priority,
                    unacked=queue.unacked,
                    oldest_unacked_s=None
                    if queue.oldest_unacked_s is None
                    else coarse_age(queue.oldest_unacked_s),
                    visibility_timeout_s=limit_s,
                    consumers=consumers if seen.is_surveyed else None,
                    in_rate=rate_in,
                    out_rate=rate_out,
                    history=tuple(seen.history.get(queue.name, ())),
                    change_rate=seen.changes.get(queue.name),
                    timed=queue.eta,
                    pause=seen.pauses.get(queue.name),
                )
            )
        return tuple(rows)

    def _oldest_waiting(self, queues: tuple[QueueDepth, ...], since: float | None) -> float | None:
        # What was sent and never received may have been purged or expired: only what is in a queue waits.
        if not any(queue.depth for queue in queues):
            return None
        known = [at for at in (moment(since), self._seen.oldest_waiting_at) if at is not None]
        if not known:
            return None
        return coarse_age((self._clock.now() - min(known)).total_seconds())


def visible(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot without what nobody sees, so that two that look the same are equal."""
    return replace(
        snapshot,
        taken_at=_EPOCH,
        queues=tuple(
            replace(
                queue,
                # A line that is flat looks the same however long it was watched.
                history=queue.history if len(set(queue.history)) > 1 else (),
                change_rate=queue.change_rate if queue.depth else None,
            )
            for queue in snapshot.queues
        ),
        counters=replace(
            snapshot.counters,
            throughput=snapshot.counters.throughput if any(snapshot.counters.throughput) else (),
        ),
    )


def task_row(task: TaskRecord, seen: Observations) -> TaskRow:
    """Return a task known from events as a line of a list."""
    progress = seen.progress.get(task.task_id)
    error_type, error_message = split_error(task.error)
    return TaskRow(
        task_id=task.task_id,
        name=task.name or (progress.name if progress else "(unnamed)"),
        state=task.state,
        queue=task.queue,
        worker=task.worker,
        at=moment(task.at) or _EPOCH,
        runtime_s=task.runtime_s,
        retries=task.retries,
        attempt=1,
        error_type=error_type,
        error_message=error_message,
        capture_id=None,
        run_id=None,
    )


def split_error(text: str | None) -> tuple[str | None, str | None]:
    """Return (class, message) of an exception's repr, ``ValueError('no')``."""
    if text is None:
        return None, None
    kind, bracket, rest = text.partition("(")
    if not bracket or not kind.replace(".", "").replace("_", "").isalnum():
        return None, sanitise.line(text)
    message = rest.removesuffix(")").removesuffix(",")
    if len(message) >= 2 and message[0] in "'\"" and message[-1] == message[0]:
        message = message[1:-1]
    return kind, message
