"""Workers that are gone, silent, doubled, without a process, or keep tasks waiting."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from earthgazer_core.operations.doctor.checks.check import Check, counted, listed, span
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import LiveTask, Observations, WorkerSeen
from earthgazer_core.operations.doctor.remedy import Cure, Remedy


def tasks_of(seen: Observations, worker: str) -> tuple[LiveTask, ...]:
    """Return what the record says that a worker has."""
    return tuple(one for one in (seen.database.live if seen.database else ()) if one.worker == worker)


def absent(seen: Observations) -> tuple[str, ...]:
    """Return the workers that should be there, or have tasks by the record, and did not answer."""
    if seen.broker_problem or not seen.has_asked:
        return ()
    recorded = {one.worker for one in (seen.database.live if seen.database else ())}
    return tuple(sorted((recorded | set(seen.expected)) - {worker.name for worker in seen.workers}))


def _missing(seen: Observations) -> Iterator[Finding]:
    if seen.silent_listeners:
        return
    for name in absent(seen):
        held = tasks_of(seen, name)
        had = (
            f"; it had {counted(len(held), 'task')} such as {held[0].name} {held[0].task_id}" if held else ""
        )
        yield finding(
            MISSING.id, Severity.CRITICAL if held else Severity.WARNING, f"worker {name}",
            f"it does not answer, and nobody else hears commands{had}",
            f"start {shlex.quote(name)} again; its messages come back after the visibility timeout",
        )  # fmt: skip


def _silent(seen: Observations) -> Iterator[Finding]:
    listening, names = seen.silent_listeners, absent(seen)
    for name in names if listening else ():
        yield finding(
            SILENT.id, Severity.WARNING, f"worker {name}", silence(seen, name), "earthgazer workers"
        )
    if listening > len(names):
        bound = seen.broker.server.bound_workers if seen.broker else ()
        others = set(bound) - set(names) - {worker.name for worker in seen.workers}
        yield finding(
            SILENT.id, Severity.WARNING, "workers",
            f"{counted(listening - len(names), 'worker')} heard commands and answered nothing:"
            f" stuck, or a busy solo pool{f'; not heard were {listed(others)}' if others else ''}",
            "earthgazer workers",
        )  # fmt: skip


def silence(seen: Observations, name: str) -> str:
    """Return what may be the matter with a worker that hears commands and answers nothing."""
    busy = next((one for one in tasks_of(seen, name) if one.state in ("STARTED", "PROGRESS")), None)
    if busy is None:
        return "it may be one of those that hear commands and answer nothing: stuck, or a busy solo pool"
    return (
        f"it hears commands and answers nothing; by the record it runs {busy.name} {busy.task_id} for"
        f" {span((seen.at - busy.since).total_seconds())}:"
        " a solo pool is silent while it works, any other is stuck"
    )


def _duplicates(seen: Observations) -> Iterator[Finding]:
    for worker in seen.workers:
        if len(worker.pids) > 1:
            yield finding(
                DUPLICATE.id, Severity.CRITICAL, f"worker {worker.name}",
                f"{len(worker.pids)} processes answer by this name: {', '.join(map(str, worker.pids))};"
                " commands reach all of them, and answers are mixed up",
                "start each worker with a name of its own: celery worker -n NAME@%h",
            )  # fmt: skip


def _empty_pools(seen: Observations) -> Iterator[Finding]:
    for worker in seen.workers:
        # An autoscaled pool fetches processes when work comes.
        if worker.report.pool_size == 0 and worker.report.autoscale is None:
            yield finding(
                EMPTY_POOL.id, Severity.CRITICAL, f"worker {worker.name}",
                f"its pool has no process: it takes messages of {listed(worker.report.queues) or 'no queue'}"
                " and never runs them",
                seen.command("control", "-d", worker.name, "pool_grow", "1"),
                Remedy(Cure.GROW_POOL, (worker.name,)),
            )  # fmt: skip


def keeps_waiting_s(seen: Observations, worker: WorkerSeen) -> float | None:
    """Return for how long a full worker's tasks have run, each for long; None if one may end soon."""
    if not worker.is_full:
        return None
    runs = [
        (seen.at - one.started_at).total_seconds() if one.started_at else 0.0 for one in worker.report.active
    ]
    return min(runs) if min(runs) >= seen.thresholds.long_task_s else None


def _prefetched(seen: Observations) -> Iterator[Finding]:
    for worker in seen.workers:
        waited_s = keeps_waiting_s(seen, worker)
        if not worker.reserved or waited_s is None:
            continue
        first = worker.reserved[0]
        yield finding(
            PREFETCHED.id, Severity.WARNING, f"worker {worker.name}",
            f"it holds {counted(len(worker.reserved), 'task')} such as {first.name} {first.task_id} behind"
            f" {worker.report.active[0].name} and others that run for {span(waited_s)} or longer",
            "worker_prefetch_multiplier = 1 with task_acks_late = True, or more processes",
        )  # fmt: skip


SILENT = Check("worker-silent", "Does every worker that hears commands answer?", _silent)
MISSING = Check("worker-missing", "Is every worker there that should be?", _missing)
DUPLICATE = Check("worker-name-twice", "Does every worker have a name of its own?", _duplicates)
EMPTY_POOL = Check("pool-empty", "Does every pool have a process?", _empty_pools)
PREFETCHED = Check("prefetched-behind-long-task", "Do tasks wait behind a long one?", _prefetched)
