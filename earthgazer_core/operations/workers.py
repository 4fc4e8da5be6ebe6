"""What workers say of themselves, and changes to their pools."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from earthgazer_core.errors import InvalidInputError, RefusedError
from earthgazer_core.operations.mailbox import Answer, Answers, Mailbox

_SURVEY = ("stats", "active", "reserved", "scheduled", "active_queues")
_ANSWER_WITHIN_S = 2.0
_COUNT_WITHIN_S = 7.0
"""A prefork pool starts added processes when it next looks after itself, every five seconds."""
_LOOK_AGAIN_S = 0.1
_RESIZABLE = ("prefork", "eventlet", "gevent")


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


@dataclass(frozen=True, slots=True)
class PoolChange:
    """What became of a change to a pool."""

    hostname: str
    """The worker."""
    size_before: int
    """Processes before."""
    size_after: int
    """Processes counted afterwards."""
    size_wanted: int
    """Processes that there will be."""
    answers: Answers
    """What the worker said."""

    @property
    def summary(self) -> str:
        """One line."""
        words = f"{self.hostname}: {self.size_before} → {self.size_wanted} processes"
        return words if self.size_after == self.size_wanted else f"{words}, {self.size_after} so far"


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


def grow(
    mailbox: Mailbox, hostname: str, n: int = 1, *, count_within_s: float = _COUNT_WITHIN_S
) -> PoolChange:
    """Add ``n`` processes to a worker's pool and count them.

    Args:
        mailbox: Where to ask.
        hostname: The worker.
        n: Processes to add.
        count_within_s: Time to wait for the processes to be there; 0 returns with its word alone.

    Raises:
        RefusedError: it did not answer, or its pool can't be resized; the message says why.
    """
    return _resize(mailbox, hostname, "pool_grow", n, n, count_within_s)


def shrink(
    mailbox: Mailbox, hostname: str, n: int = 1, *, count_within_s: float = _COUNT_WITHIN_S
) -> PoolChange:
    """Take ``n`` processes from a worker's pool and count those that are left; see :func:`grow`.

    Raises:
        RefusedError: it did not answer, its pool can't be resized, or would have no process left.
    """
    return _resize(mailbox, hostname, "pool_shrink", n, -n, count_within_s)


def resize_refusal(stats: Mapping[str, Any]) -> str:
    """Return why a pool with these statistics can't be resized; empty where it can."""
    pool = pool_name(stats)
    if "autoscaler" in stats:
        return "it scales itself: change its autoscale range instead"
    if pool == "solo":
        return "a solo pool runs tasks in the worker's own process: there is nothing to resize"
    if pool and pool not in _RESIZABLE:
        return f"Celery can't resize {a_pool(pool)}: restart the worker with another --concurrency"
    return "" if pool else "it did not say what pool it has"


def report_of(hostname: str, parts: Mapping[str, Any]) -> WorkerReport:
    """Return a worker's answers to the survey's commands, by command, as one report."""
    stats = parts.get("stats")
    stats = stats if isinstance(stats, dict) and "error" not in stats else {}
    processes = (stats.get("pool") or {}).get("processes")
    autoscaler = stats.get("autoscaler") or {}
    usage = (stats.get("rusage") or {}).get("maxrss")
    total = stats.get("total")
    return WorkerReport(
        hostname=hostname,
        pool=pool_name(stats),
        pool_size=pool_size(stats),
        processes=tuple(processes) if isinstance(processes, list) else (),
        pid=stats.get("pid"),
        prefetch=stats.get("prefetch_count"),
        processed=sum(total.values()) if isinstance(total, dict) else None,
        uptime_s=stats.get("uptime"),
        # Linux counts it in KiB.
        memory_bytes=int(usage) * 1024 if isinstance(usage, int | float) else None,
        queues=tuple(sorted(str(queue.get("name")) for queue in _list(parts.get("active_queues")))),
        active=tuple(_active(task) for task in _list(parts.get("active"))),
        reserved=len(_list(parts.get("reserved"))),
        scheduled=len(_list(parts.get("scheduled"))),
        autoscale=(int(autoscaler.get("min", 0)), int(autoscaler.get("max", 0))) if autoscaler else None,
        resize_refusal=resize_refusal(stats),
        configured_size=_configured_size(stats),
    )


def _resize(
    mailbox: Mailbox, hostname: str, command: str, n: int, change: int, count_within_s: float
) -> PoolChange:
    if n < 1:
        raise InvalidInputError(f"{n} processes: expected 1 or more")
    stats = _stats(mailbox, hostname)
    if stats is None:
        raise RefusedError(
            f"{hostname} did not answer: it may have ended, or have a solo pool that runs a task just now"
        )
    reason = resize_refusal(stats)
    if reason:
        raise RefusedError(f"{hostname}: {reason}")
    before = pool_size(stats) or 0
    if before + change < 1:
        raise RefusedError(
            f"{hostname} has {before} processes; without any it would take messages and never run them"
        )
    answers = mailbox.ask(command, {"n": n}, destination=[hostname], timeout_s=_ANSWER_WITHIN_S)
    for answer in answers.answers:
        if not answer.is_ok:
            raise RefusedError(f"{hostname}: {answer.text}")
    if answers.silent:
        raise RefusedError(f"{hostname} did not answer in {_ANSWER_WITHIN_S:g} s")
    counted = _counted(mailbox, hostname, before + change, count_within_s)
    return PoolChange(hostname, before, counted, before + change, answers)


def _counted(mailbox: Mailbox, hostname: str, wanted: int, within_s: float) -> int:
    """Return the number of processes once it is as wanted, or as it is when patience ends.

    A worker says "done" before a process has started or ended.
    """
    deadline = time.monotonic() + within_s
    while True:
        stats = _stats(mailbox, hostname)
        size = (pool_size(stats) if stats else None) or 0
        if size == wanted or time.monotonic() > deadline:
            return size
        time.sleep(_LOOK_AGAIN_S)


def _stats(mailbox: Mailbox, hostname: str) -> dict[str, Any] | None:
    value = mailbox.ask("stats", destination=[hostname], timeout_s=_ANSWER_WITHIN_S).values.get(hostname)
    return value if isinstance(value, dict) else None


def _active(task: Mapping[str, Any]) -> ActiveTask:
    started = task.get("time_start")
    return ActiveTask(
        task_id=str(task.get("id")),
        name=str(task.get("name")),
        pid=task.get("worker_pid"),
        started_at=datetime.fromtimestamp(started, UTC) if isinstance(started, int | float) else None,
        args_repr=str(task.get("args", "")),
        kwargs_repr=str(task.get("kwargs", "")),
    )


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def pool_name(stats: Mapping[str, Any]) -> str:
    """Return the kind of pool that a worker's statistics tell of; empty where they don't."""
    implementation = str((stats.get("pool") or {}).get("implementation") or "")
    name = implementation.split(":")[0].rsplit(".", 1)[-1]
    return {"thread": "threads", "asynpool": "prefork"}.get(name, name)


def a_pool(name: str) -> str:
    """Return a kind of pool with its article, ``an eventlet pool``."""
    name = name or "unknown"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name} pool"


def pool_size(stats: Mapping[str, Any]) -> int | None:
    """Return how many processes or threads statistics truly tell of; None where they don't."""
    pool = stats.get("pool") or {}
    processes = pool.get("processes")
    if isinstance(processes, list):
        # ``max-concurrency`` keeps the number that the worker was started with.
        return len(processes)
    size = pool.get("max-concurrency")
    return size if isinstance(size, int) else None


def _configured_size(stats: Mapping[str, Any]) -> int | None:
    """Return the number that a worker was started with; only prefork keeps it when the pool is resized."""
    size = (stats.get("pool") or {}).get("max-concurrency")
    is_kept = pool_name(stats) == "prefork" and "autoscaler" not in stats
    return size if is_kept and isinstance(size, int) else None
