"""Run the console over a scripted, busy fleet: ``python -m tests.tui.dev_console [empty|busy|down|live]``."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

from earthgazer_tui.__main__ import run
from earthgazer_tui.app import ConsoleApp
from earthgazer_tui.fleet.models import (
    Alert,
    Badges,
    Counters,
    Diagnosis,
    Service,
    ServiceState,
    Severity,
    Snapshot,
    StageState,
    StartStep,
    StepState,
    WorkerState,
)
from tests.tui import builders as make
from tests.tui.scripted_fleet import ScriptedFleet


def busy_snapshot() -> Snapshot:
    """Return a fleet in the middle of its work, with something wrong in it."""
    wave = tuple(int(40 + 35 * ((k * 7) % 13) / 13) if k > 60 else k for k in range(180))
    return make.a_snapshot(
        queues=(
            make.a_queue(
                "io_queue",
                137,
                by_priority=((0, 12), (3, 100), (9, 25)),
                unacked=4,
                oldest_unacked_s=33.0,
                in_rate=4.2,
                out_rate=6.1,
                history=wave,
            ),
            make.a_queue("cpu_queue", 12, unacked=2, oldest_unacked_s=812.0, in_rate=1.0, out_rate=1.0),
            make.a_queue("default"),
            make.a_queue("priority"),
            make.a_queue("maintenance", 3, consumers=0, in_rate=0.1, history=(0, 1, 2, 3)),
        ),
        workers=(
            make.a_worker(
                "io1@field",
                active=2,
                processed=1204,
                local_name="io1",
                running=(
                    make.a_running_task(
                        "a", name="earthgazer.io.download_bands", percent=72.0, stage="band B08 of 4"
                    ),
                    make.a_running_task("b", name="earthgazer.io.backup_capture", percent=None, stage=""),
                ),
            ),
            make.a_worker("cpu1@field", active=1, processed=310, queues=("cpu_queue",), local_name="cpu1"),
            make.a_worker(
                "solo@lab-17.example.org",
                pool="solo",
                pool_size=1,
                state=WorkerState.LATE,
                last_seen_s=42.0,
                queues=("priority",),
                resize_refusal="a solo pool has one place and can't be resized",
            ),
            make.a_worker("old@field", state=WorkerState.LOST, last_seen_s=900.0, queues=()),
        ),
        counters=Counters(
            finished_per_s=7.1,
            failed_percent=2.4,
            oldest_waiting_s=48.0,
            throughput=tuple(5 + (k * 5) % 7 for k in range(60)),
            events_per_s=31.0,
        ),
        badges=Badges(captures=5, queues=152, workflows=1, failed=3, workers=3),
        alerts=(
            Alert("critical", "maintenance: 3 messages and no worker consumes it", "6 then N"),
            Alert("warning", "cpu_queue: oldest held message is at 87 % of the visibility timeout", "3"),
        ),
        recent=tuple(
            make.a_task(
                f"t-{k}",
                name=("earthgazer.cpu.compute_ndvi", "earthgazer.io.download_bands")[k % 2],
                state=("SUCCESS", "SUCCESS", "PROGRESS", "FAILURE", "RECEIVED")[k % 5],
                at=make.ago(seconds=3 * k),
                error_message="capture 7 has no band B08; it has B02, B03, B04" if k % 5 == 3 else None,
                capture_id=7 + k,
            )
            for k in range(30)
        ),
    )


def busy_fleet() -> ScriptedFleet:
    """Return a scripted fleet with something on each screen."""
    fleet = ScriptedFleet(busy_snapshot())
    fleet.freshness_rows = [
        make.a_freshness(),
        make.a_freshness(2, name="Évora", status="overdue", is_overdue=True),
    ]
    fleet.capture_rows = [
        make.a_capture(k, mission=("SENTINEL-2A", "LANDSAT_8")[k % 2], sensing_time=make.ago(days=k))
        for k in range(1, 40)
    ]
    fleet.capture_rows[2] = replace(
        fleet.capture_rows[2],
        activity="stacking 40 %",
        ndvi_mean=None,
        valid_percent=None,
        outcome="",
        stages=tuple(
            StageState(stage, state, 40.0 if state == "running" else None)
            for stage, state in zip(
                make.STAGES, ("done", "done", "done", "running", "waiting", "waiting"), strict=True
            )
        ),
    )
    fleet.capture_details = {row.capture_id: make.a_capture_detail(row) for row in fleet.capture_rows}
    fleet.run_rows = [make.a_run(), make.a_run("run-0", state="failed", failed=1, running=0)]
    fleet.run_details = {row.run_id: make.a_run_detail(row) for row in fleet.run_rows}
    fleet.failed_rows = [make.a_failure(f"t-bad-{k}", at=make.ago(minutes=k)) for k in range(12)]
    fleet.task_rows = [*fleet.snapshot.recent, *fleet.failed_rows]
    fleet.task_details = {row.task_id: make.a_task_detail(row) for row in fleet.task_rows}
    fleet.histories = {"task": make.a_history(), "queue": make.a_history()}
    warning = make.a_finding("memory", severity=Severity.WARNING, subject="broker", evidence="81 % of memory")
    fleet.diagnosis = Diagnosis((make.a_finding(), warning), 30, 2.1)
    fleet.explanations = {"t-0": (make.a_finding(),)}
    fleet.action_rows = [make.an_action(k) for k in range(30)]
    fleet.schedule_rows = [
        make.a_periodic_task(),
        make.a_periodic_task("health-check", timing="every 60 s", interval_s=60.0, is_late=True,
            next_run_at=make.ago(minutes=12), last_state="FAILURE", last_error="OSError: disk full"),
        make.a_periodic_task("sweep-work-files", timing="23 3 * * * UTC", code_timing="23 3 * * * UTC",
            interval_s=None, is_enabled=False, next_run_at=None, last_run_at=None, last_task_id=None,
            last_state=None, last_runtime_s=None, total_runs=0),
    ]  # fmt: skip
    fleet.start_steps = [
        StartStep("Valkey", StepState.READY, "", 0.1),
        StartStep("Postgres", StepState.READY, "", 0.7),
        StartStep("migrations", StepState.READY, "3 applied", 1.0),
        StartStep("worker io", StepState.STARTING, "", 1.1),
    ]
    return fleet


class LiveFleet(ScriptedFleet):
    """A fleet whose snapshot changes four times a second, as a busy one's does."""

    async def watch(self) -> AsyncIterator[Snapshot]:
        for step in itertools.count():
            base = self.snapshot
            yield replace(
                base,
                taken_at=make.NOW + timedelta(seconds=step / 4),
                queues=tuple(
                    replace(q, depth=q.depth + step % 17, history=(*q.history[1:], q.depth + step % 17))
                    for q in base.queues
                ),
                workers=tuple(
                    replace(w, processed=(w.processed or 0) + step, load=(0.3 + step % 9 / 10, 0.3, 0.3))
                    for w in base.workers
                ),
                counters=replace(base.counters, throughput=(*base.counters.throughput[1:], step % 9)),
                recent=tuple(
                    replace(task, task_id=f"t-{step}-{k}", at=task.at + timedelta(seconds=step))
                    for k, task in enumerate(base.recent)
                ),
            )
            await asyncio.sleep(0.25)


def scripted(kind: str) -> ScriptedFleet:
    """Return the fleet of this name."""
    if kind == "empty":
        hint = "Press D to discover and process the sandbox location; NDVI is there within a minute."
        return ScriptedFleet(make.a_snapshot(first_steps=hint))
    fleet = busy_fleet()
    if kind == "live":
        return LiveFleet(fleet.snapshot)
    if kind == "down":
        down = Service(ServiceState.DOWN, "Connection refused (127.0.0.1:6379)", make.ago(minutes=2))
        fleet.push(replace(fleet.snapshot, broker=down))
    return fleet


if __name__ == "__main__":
    app = ConsoleApp(lambda: scripted((*sys.argv, "busy")[1]), is_read_only="ro" in sys.argv)
    sys.exit(asyncio.run(run(app)))
