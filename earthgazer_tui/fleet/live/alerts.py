"""What an operator should know at once, worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from earthgazer_tui.fleet.models import (
    Alert,
    Counters,
    QueueDepth,
    Service,
    ServiceState,
    Worker,
    WorkerState,
)

_FAILING_PERCENT = 20.0
_OLD_UNACKED = 0.8


def alerts_of(
    broker: Service,
    database: Service,
    queues: Sequence[QueueDepth],
    workers: Sequence[Worker],
    counters: Counters,
    *,
    is_read_only: bool,
    unread_reason: str,
    late_entries: int = 0,
    schema_note: str = "",
) -> Iterator[Alert]:
    """Yield what the snapshot's own parts tell; whoever shows them sorts them by severity."""
    if broker.state is ServiceState.DOWN:
        yield Alert(
            "critical", f"broker down: {broker.detail}", "what is shown is old; it comes back by itself"
        )
    if database.state is ServiceState.DOWN:
        yield Alert(
            "critical",
            f"database down: {database.detail}",
            "live screens go on; history comes back by itself",
        )
    elif schema_note:
        yield Alert("warning", schema_note, "what needs the tables of another version says so")
    if broker.state is ServiceState.UP:
        yield from _of_queues(queues)
        yield from _of_workers(workers)
        if counters.is_deaf:
            hint = (
                "read-only: they can't be asked from here"
                if is_read_only
                else "{fleet.enable-events|E} asks them again"
            )
            yield Alert("warning", "workers are seen, but none sends task events", hint)
        if unread_reason:
            yield Alert("warning", f"events don't reach us: {unread_reason}", "")
    if late_entries:
        due = "1 periodic task is" if late_entries == 1 else f"{late_entries} periodic tasks are"
        yield Alert(
            "critical", f"{due} due and not sent: does beat run?", "{mode.schedule|8} shows the schedule"
        )
    if (share := counters.failed_percent) is not None and share >= _FAILING_PERCENT:
        yield Alert(
            "warning", f"{share:.0f} % of the tasks of the last minute failed", "{mode.failed|5} shows them"
        )
    if counters.events_shed:
        yield Alert(
            "warning",
            f"{counters.events_shed} events came too fast to keep their details",
            "counts are whole",
        )
    if counters.event_gaps and broker.state is ServiceState.UP:
        times = "once" if counters.event_gaps == 1 else f"{counters.event_gaps} times"
        yield Alert(
            "warning",
            f"events were missed {times}: the link was lost or cut",
            "counts since then are too low",
        )


def _of_queues(queues: Sequence[QueueDepth]) -> Iterator[Alert]:
    for queue in queues:
        paused = queue.pause if queue.pause is not None and not queue.pause.is_ending else None
        if queue.depth and paused is not None:
            yield Alert(
                "warning",
                f"queue {queue.name}: paused by {paused.who}, {queue.depth} waiting",
                "{mode.queues|3}, then {queue.resume|R} lets it go on",
            )
        elif queue.depth and queue.consumers == 0:
            # Who holds messages of it may be a solo pool at work, which answers nothing, or dead.
            whom = "no worker that answers" if queue.unacked else "no worker"
            yield Alert(
                "warning" if queue.unacked else "critical",
                f"queue {queue.name}: {queue.depth} waiting, {whom} consumes it",
                "{mode.queues|3} shows the queues",
            )
        age_s = queue.oldest_unacked_s
        if age_s is not None and age_s > _OLD_UNACKED * queue.visibility_timeout_s:
            yield Alert(
                "warning",
                f"queue {queue.name}: a message is held for longer than"
                f" {_OLD_UNACKED:.0%} of the {queue.visibility_timeout_s:.0f} s after which it runs twice",
                "{mode.workers|6} shows who holds it",
            )


def _of_workers(workers: Sequence[Worker]) -> Iterator[Alert]:
    for worker in workers:
        if worker.state is WorkerState.LOST:
            held = f"; it ran {len(worker.running)}" if worker.running else ""
            yield Alert(
                "warning",
                f"worker {worker.hostname} was not heard of for long{held}",
                "{mode.workers|6} shows the workers",
            )
        elif worker.state is WorkerState.LATE:
            held = f"; it runs {len(worker.running)}" if worker.running else ""
            yield Alert(
                "warning",
                f"worker {worker.hostname} is late: last seen {worker.last_seen_s:.0f} s ago{held}",
                "busy in a solo pool, or stuck: {mode.doctor|0} looks closer",
            )
        elif worker.state is WorkerState.SEEN and worker.pool_size == 0:
            yield Alert(
                "warning",
                f"worker {worker.hostname} has a pool of size 0: it runs nothing",
                "{mode.workers|6}, then {worker.grow|+} adds a process",
            )
