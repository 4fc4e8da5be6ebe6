"""What workers say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from earthgazer_core.operations.answer_values import integer, is_integer, mapping, mappings, number
from earthgazer_core.operations.mailbox import Answer, Answers, Mailbox
from earthgazer_core.operations.pools import configured_size, pool_name, pool_size, resize_refusal

_SURVEY = ("stats", "active", "reserved", "scheduled", "active_queues")
_END_OF_TIME = 253_402_300_000


@dataclass(frozen=True, slots=True)
class ActiveTask:
    """A task that a worker runs."""

    task_id: str
    """Celery's id."""
    name: str
    """Task name."""
    pid: int | None
    """Process that runs it."""
    started_at: datetime | None
    """Aware UTC, by the worker's clock."""
    args_repr: str
    """Positional arguments as the worker shows them."""
    kwargs_repr: str
    """Named arguments likewise."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One worker by its own words."""

    hostname: str
    """Node name, ``cpu1@host``."""
    pool: str
    """``prefork``, ``threads``, ``solo``, ``gevent``, ``eventlet``; empty where it did not say."""
    pool_size: int | None
    """Processes or threads that there truly are."""
    processes: tuple[int, ...]
    """Ids of the pool's processes; empty for other pools."""
    pid: int | None
    """Id of the parent process."""
    prefetch: int | None
    """Messages that it may hold."""
    processed: int | None
    """Tasks since its start."""
    uptime_s: float | None
    """Seconds since its start."""
    memory_bytes: int | None
    """Largest resident memory of the parent process so far."""
    queues: tuple[str, ...]
    """Queues that it consumes."""
    active: tuple[ActiveTask, ...]
    """Tasks that run."""
    reserved: int
    """Tasks that it holds and does not run yet."""
    scheduled: int
    """Tasks that it holds until their time."""
    autoscale: tuple[int, int] | None
    """(least, most) processes where it scales itself."""
    resize_refusal: str
    """Why its pool can't be resized; empty where it can."""
    configured_size: int | None = None
    """Processes that it was started with; None where it doesn't tell."""


def survey(
    mailbox: Mailbox,
    expected: Iterable[str] | None = None,
    *,
    timeout_s: float = 1.0,
    destination: Sequence[str] | None = None,
    on_worker: Callable[[WorkerReport], None] | None = None,
) -> tuple[WorkerReport, ...]:
    """Return what each worker says of itself, by name; those that answer nothing are left out.

    Args:
        mailbox: Where to ask.
        expected: Workers known to exist; the survey ends with the last of them.
        timeout_s: Longest time to wait.
        destination: Ask these alone.
        on_worker: Told of each worker as soon as it has answered everything.
    """
    heard: dict[str, dict[str, Any]] = {}

    def listen(command: str, answer: Answer) -> None:
        parts = heard.setdefault(answer.worker, {})
        parts[command] = answer.value
        if on_worker is not None and len(parts) == len(_SURVEY):
            on_worker(report_of(answer.worker, parts))

    mailbox.ask_many(
        [(command, {}) for command in _SURVEY],
        destination=destination,
        expected=expected,
        timeout_s=timeout_s,
        on_answer=listen,
    )
    return tuple(report_of(name, heard[name]) for name in sorted(heard))


def ping(mailbox: Mailbox, expected: Iterable[str] | None = None, *, timeout_s: float = 1.0) -> Answers:
    """Ask who is there."""
    return mailbox.ask("ping", expected=expected, timeout_s=timeout_s)


def enable_events(
    mailbox: Mailbox, expected: Iterable[str] | None = None, *, timeout_s: float = 1.0
) -> Answers:
    """Have workers send task events, until they restart."""
    return mailbox.ask("enable_events", expected=expected, timeout_s=timeout_s)


def report_of(hostname: str, parts: Mapping[str, Any]) -> WorkerReport:
    """Return a worker's answers to the survey's commands, by command, as one report."""
    stats = parts.get("stats")
    stats = stats if isinstance(stats, dict) and "error" not in stats else {}
    processes = mapping(stats.get("pool")).get("processes")
    autoscaler = mapping(stats.get("autoscaler"))
    usage = number(mapping(stats.get("rusage")).get("maxrss"))
    total = stats.get("total")
    return WorkerReport(
        hostname=hostname,
        pool=pool_name(stats),
        pool_size=pool_size(stats),
        processes=tuple(filter(is_integer, processes)) if isinstance(processes, list) else (),
        pid=integer(stats.get("pid")),
        prefetch=integer(stats.get("prefetch_count")),
        processed=sum(filter(is_integer, total.values())) if isinstance(total, dict) else None,
        uptime_s=number(stats.get("uptime")),
        # Linux counts it in KiB.
        memory_bytes=None if usage is None else int(usage) * 1024,
        queues=tuple(sorted(str(queue.get("name")) for queue in mappings(parts.get("active_queues")))),
        active=tuple(_active(task) for task in mappings(parts.get("active"))),
        reserved=len(mappings(parts.get("reserved"))),
        scheduled=len(mappings(parts.get("scheduled"))),
        autoscale=(integer(autoscaler.get("min")) or 0, integer(autoscaler.get("max")) or 0)
        if autoscaler
        else None,
        resize_refusal=resize_refusal(stats),
        configured_size=configured_size(stats),
    )


def _active(task: Mapping[str, Any]) -> ActiveTask:
    started = number(task.get("time_start"))
    return ActiveTask(
        task_id=str(task.get("id")),
        name=str(task.get("name")),
        pid=integer(task.get("worker_pid")),
        started_at=datetime.fromtimestamp(started, UTC) if started and 0 < started < _END_OF_TIME else None,
        args_repr=str(task.get("args", "")),
        kwargs_repr=str(task.get("kwargs", "")),
    )
