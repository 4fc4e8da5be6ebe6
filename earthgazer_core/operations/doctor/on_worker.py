"""Why a task that a worker has is not done."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from earthgazer_core.operations.doctor.checks.check import listed, span
from earthgazer_core.operations.doctor.checks.workers import keeps_waiting_s
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import HeldTask, Observations, WorkerSeen
from earthgazer_core.operations.doctor.remedy import Cure, Remedy


def on_worker(seen: Observations, task_id: str) -> Iterator[Finding]:
    """Yield what a worker that answered does with a task; nothing where none has it."""
    for worker in seen.workers:
        for active in worker.report.active:
            if active.task_id == task_id:
                since = (
                    f" for {span((seen.at - active.started_at).total_seconds())}" if active.started_at else ""
                )
                yield finding(
                    "task-runs", Severity.INFO, f"task {active.name} {task_id}",
                    f"it runs on {worker.name}{since}, in process {active.pid}",
                    f"earthgazer tasks show {shlex.quote(task_id)}",
                )  # fmt: skip
                return
        for held in worker.scheduled:
            if held.task_id == task_id:
                yield _scheduled(seen, worker, held)
                return
        for held in worker.reserved:
            if held.task_id == task_id:
                yield _reserved(seen, worker, held)
                return


def _scheduled(seen: Observations, worker: WorkerSeen, held: HeldTask) -> Finding:
    left_s = (held.eta - seen.at).total_seconds() if held.eta else 0.0
    timeout_s = seen.broker.snapshot.visibility_timeout_s if seen.broker else left_s
    is_beyond = left_s > timeout_s
    beyond = f"; that is beyond the visibility timeout of {span(timeout_s)}: it will run more than once"
    return finding(
        "eta-beyond-visibility-timeout" if is_beyond else "task-scheduled",
        Severity.WARNING if is_beyond else Severity.INFO,
        f"task {held.name} {held.task_id}",
        f"{worker.name} holds it until its time, in {span(left_s)}{beyond if is_beyond else ''}",
        "raise broker_transport_options['visibility_timeout'] above the longest countdown"
        if is_beyond
        else "wait",
    )


def _reserved(seen: Observations, worker: WorkerSeen, held: HeldTask) -> Finding:
    subject = f"task {held.name} {held.task_id}"
    if worker.report.pool_size == 0:
        return finding(
            "pool-empty", Severity.CRITICAL, subject, f"{worker.name} holds it, and its pool has no process",
            seen.command("control", "-d", worker.name, "pool_grow", "1"),
            Remedy(Cure.GROW_POOL, (worker.name,)),
        )  # fmt: skip
    waited_s = keeps_waiting_s(seen, worker)
    running = listed(f"{one.name} {one.task_id}" for one in worker.report.active) or "nothing"
    evidence = f"{worker.name} holds it behind what it runs: {running}"
    if waited_s is None:
        return finding("task-reserved", Severity.INFO, subject, evidence, "wait")
    return finding(
        "prefetched-behind-long-task", Severity.WARNING, subject,
        f"{evidence}, for {span(waited_s)} or longer",
        "worker_prefetch_multiplier = 1 with task_acks_late = True, or more processes",
    )  # fmt: skip
