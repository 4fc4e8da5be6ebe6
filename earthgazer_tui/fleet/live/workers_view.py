"""Workers as shown, from their heartbeats and from what they said of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from earthgazer_core.operations.controls.changes import lasting_changes
from earthgazer_core.operations.controls.levers import refusals
from earthgazer_core.operations.workers import WorkerReport
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.clock import coarse_age, coarse_bytes, moment, number
from earthgazer_tui.fleet.live.observations import Observations
from earthgazer_tui.fleet.live.records import TERMINAL, TaskRecord, WorkerRecord
from earthgazer_tui.fleet.models import Lever, RunningTask, Worker, WorkerState

LATE_HEARTBEATS = 3.0
LATE_S = 6.0
LOST_HEARTBEATS = 12.0
LOST_S = 30.0
FORGET_STOPPED_S = 30.0
FORGET_LOST_S = 900.0


def age_of(worker: WorkerRecord, seen: Observations, now: float) -> float:
    """Return for how long a worker was not heard of while we could have heard it."""
    if seen.broker_down_since is not None:
        now = min(now, seen.broker_down_since)
    return max(0.0, now - max(worker.seen, seen.broker_up_since))


def state_of(worker: WorkerRecord, age_s: float) -> WorkerState:
    """Return what is known of a worker that was heard of so long ago."""
    if worker.is_stopped:
        return WorkerState.STOPPED
    if age_s >= max(LOST_S, LOST_HEARTBEATS * worker.freq_s):
        return WorkerState.LOST
    if age_s >= max(LATE_S, LATE_HEARTBEATS * worker.freq_s):
        return WorkerState.LATE
    return WorkerState.SEEN


def is_forgotten(worker: WorkerRecord, age_s: float) -> bool:
    """Whether a worker has been gone for so long that showing it would only be noise."""
    if worker.is_stopped:
        return age_s > FORGET_STOPPED_S
    return age_s > max(FORGET_LOST_S, 2 * LOST_HEARTBEATS * worker.freq_s)


def worker_view(worker: WorkerRecord, tasks: dict[str, TaskRecord], seen: Observations, now: float) -> Worker:
    """Return one worker as shown; the caller holds the store's lock."""
    age_s = age_of(worker, seen, now)
    state = state_of(worker, age_s)
    kept = seen.reports.get(worker.hostname)
    report = kept.report if kept is not None and state is not WorkerState.STOPPED else None
    running = _running(worker, tasks, seen)
    load = worker.load
    uptime_s = None
    if report is not None and kept is not None and (told := number(report.uptime_s)) is not None:
        uptime_s = coarse_age(told + (now - kept.at))
    return Worker(
        hostname=worker.hostname,
        state=state,
        last_seen_s=0.0 if state is WorkerState.SEEN else coarse_age(age_s),
        pool=sanitise.name(report.pool or "") if report else "",
        pool_size=report.pool_size if report else None,
        active=max(len(running), worker.active if state is WorkerState.SEEN and report is None else 0),
        processed=worker.processed
        if worker.processed is not None
        else (report.processed if report else None),
        prefetch=report.prefetch if report else None,
        load=tuple(round(value, 1) for value in load),
        memory_bytes=coarse_bytes(report.memory_bytes) if report else None,
        uptime_s=uptime_s,
        queues=tuple(sanitise.name(queue) for queue in report.queues) if report else (),
        running=running,
        local_name=seen.local_names.get(worker.hostname),
        resize_refusal=_refusal(report.resize_refusal if report else None, state),
        refusals=_refusals(report, seen.settings.get(worker.hostname)) if report else (),
        changes=_changes(report, seen, kept.at, now) if report and kept else (),
        autoscale=report.autoscale if report else None,
    )


def _refusal(told: str | None, state: WorkerState) -> str:
    if state is WorkerState.STOPPED:
        return "it has stopped"
    if told is None:
        return "its pool is not known yet"
    return sanitise.line(told)


def _refusals(
    report: WorkerReport, told: tuple[int | None, Mapping[str, Any]] | None
) -> tuple[tuple[Lever, str], ...]:
    if told is None or told[0] != report.pid:
        # What only its settings tell is asked again when somebody tries.
        return ()
    return tuple((Lever(lever), sanitise.line(reason)) for lever, reason in refusals(report, told[1]).items())


def _changes(report: WorkerReport, seen: Observations, at: float, now: float) -> tuple[str, ...]:
    moment_now = datetime.now(UTC)
    uptime_s = number(report.uptime_s)
    started = None if uptime_s is None else moment_now - timedelta(seconds=uptime_s + now - at)
    return tuple(map(sanitise.line, lasting_changes(seen.deeds, report, started, moment_now)))


def _running(
    worker: WorkerRecord, tasks: dict[str, TaskRecord], seen: Observations
) -> tuple[RunningTask, ...]:
    if worker.is_stopped:
        return ()
    found: dict[str, RunningTask] = {}
    for task_id, task in worker.running.items():
        found[task_id] = _running_task(task_id, task.name, task.started_at, seen)
    kept = seen.reports.get(worker.hostname)
    for active in kept.report.active if kept is not None else ():
        task_id = sanitise.name(active.task_id)
        known = tasks.get(task_id)
        if task_id not in found and (
            known is None or (known.state not in TERMINAL and not worker.task_events)
        ):
            started = active.started_at.timestamp() if active.started_at else None
            found[task_id] = _running_task(task_id, sanitise.name(active.name), started, seen)
    return tuple(
        sorted(found.values(), key=lambda task: (task.started_at is None, task.started_at, task.task_id))
    )


def _running_task(task_id: str, name: str, started: float | None, seen: Observations) -> RunningTask:
    progress = seen.progress.get(task_id)
    at = moment(started)
    return RunningTask(
        task_id=task_id,
        name=name or (progress.name if progress else ""),
        started_at=at - timedelta(microseconds=at.microsecond) if at else None,
        percent=round(progress.percent) if progress and progress.percent is not None else None,
        stage=progress.stage if progress else "",
    )
