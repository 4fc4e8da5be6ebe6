"""Workers that are gone, silent, doubled or empty, and clocks and settings of theirs."""

from __future__ import annotations

import os
import signal

import pytest
import redis

from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.doctor import Severity, diagnose, explain_task
from earthgazer_core.operations.retry import Retrier
from tests.core.operations.doctor.watched_fleet import WatchedFleet
from tests.core.recorder.fleet import eventually

pytestmark = pytest.mark.fleet


def test_a_healthy_fleet_yields_nothing(fleet: WatchedFleet) -> None:
    fleet.start_worker(concurrency=1)
    task = fleet.app.tasks["steps.add"].delay(1)
    fleet.until(task.id, "SUCCESS")
    assert diagnose(fleet.access(expected=("one@test",), disk_paths=(fleet.config.directory,))) == ()
    assert "Traceback" not in fleet.log
    assert fleet.explain(task.id) == {}


def test_a_killed_worker_is_missing_with_what_it_had(fleet: WatchedFleet) -> None:
    worker = fleet.start_worker(concurrency=1)
    task = fleet.app.tasks["steps.wait"].delay("go")
    fleet.until(task.id, "PROGRESS")
    fleet.kill_worker(worker)
    found = fleet.diagnose()
    assert found["worker-missing"].severity is Severity.CRITICAL
    assert found["worker-missing"].subject == "worker one@test"
    assert task.id in found["worker-missing"].evidence
    reason = fleet.explain(task.id)["task-holder-gone"]
    assert "that one died" in reason.evidence
    assert "59.9 min" in reason.evidence or "60.0 min" in reason.evidence or "1.0 h" in reason.evidence
    fleet.raise_flag("go")


def test_a_message_that_vanished_is_lost(fleet: WatchedFleet, redis_client: redis.Redis) -> None:
    fleet.start_worker(concurrency=1)
    task = fleet.app.tasks["steps.add"].apply_async((1,), queue="elsewhere")
    assert redis_client.delete("elsewhere") == 1
    fleet.until(task.id, "PENDING")
    found = fleet.explain(task.id)["task-lost"]
    assert found.fix == "earthgazer reconcile"
    with pytest.raises(RefusedError, match="only a task that failed"):
        Retrier(fleet.database, fleet.app).retry(task.id)
    unknown = fleet.explain("no-such-id")["task-unknown"]
    assert "Celery calls that PENDING" in unknown.evidence


def test_a_busy_solo_worker_and_a_stopped_one_are_silent(fleet: WatchedFleet) -> None:
    fleet.start_worker(pool="solo")
    task = fleet.app.tasks["steps.wait"].delay("go")
    fleet.until(task.id, "PROGRESS")
    found = fleet.diagnose()
    assert set(found) == {"worker-silent"}
    assert found["worker-silent"].subject == "worker one@test"
    assert f"it runs steps.wait {task.id}" in found["worker-silent"].evidence
    assert "solo pool" in fleet.explain(task.id)["task-on-silent-worker"].evidence
    stopped = fleet.start_worker(name="two", concurrency=1)
    os.kill(stopped.pid, signal.SIGSTOP)
    try:
        silent = [one for one in diagnose(fleet.access()) if one.check == "worker-silent"]
    finally:
        os.kill(stopped.pid, signal.SIGCONT)
    assert [one.subject for one in silent] == ["worker one@test", "workers"]
    assert "two@test" in silent[1].evidence
    fleet.raise_flag("go")
    fleet.until(task.id, "SUCCESS")


def test_two_workers_of_one_name(fleet: WatchedFleet) -> None:
    pids = {fleet.start_worker(concurrency=1).pid, fleet.start_worker(concurrency=1).pid}
    found = fleet.diagnose()
    assert set(found) == {"worker-name-twice"}
    for pid in pids:
        assert str(pid) in found["worker-name-twice"].evidence


def test_a_pool_without_a_process(fleet: WatchedFleet) -> None:
    fleet.start_worker(concurrency=1)
    fleet.app.control.pool_shrink(1, reply=True, timeout=5, limit=1)
    found = eventually(lambda: fleet.diagnose().get("pool-empty"), "the empty pool")
    assert found.severity is Severity.CRITICAL
    assert found.fix == "celery -A APP control -d one@test pool_grow 1"
    waiting = fleet.app.tasks["steps.add"].delay(1)
    fleet.until(waiting.id, "RECEIVED")
    assert fleet.explain(waiting.id)["pool-empty"].remedy == found.remedy
    fleet.apply(found)
    fleet.until(waiting.id, "SUCCESS")
    assert fleet.diagnose() == {}


def test_tasks_prefetched_behind_a_long_one(fleet: WatchedFleet) -> None:
    fleet.configure(worker_prefetch_multiplier=4)
    fleet.start_worker(concurrency=1)
    long = fleet.app.tasks["steps.wait"].delay("go")
    fleet.until(long.id, "PROGRESS")
    behind = fleet.app.tasks["steps.add"].delay(1)
    fleet.until(behind.id, "RECEIVED")
    assert "prefetched-behind-long-task" not in fleet.diagnose(long_task_s=600)
    found = fleet.diagnose(long_task_s=0.5)["prefetched-behind-long-task"]
    assert behind.id in found.evidence
    assert "task-reserved" in fleet.explain(behind.id)
    assert long.id in fleet.explain(behind.id, long_task_s=0.5)["prefetched-behind-long-task"].evidence
    fleet.raise_flag("go")
    fleet.until(behind.id, "SUCCESS")


def test_settings_that_leave_an_operator_blind_and_a_clock_that_is_wrong(fleet: WatchedFleet) -> None:
    fleet.configure(
        worker_send_task_events=False,
        task_send_sent_event=False,
        result_extended=False,
        task_track_started=False,
    )
    fleet.clock_ahead_s = 90
    fleet.start_worker(concurrency=1)
    found = fleet.diagnose()
    assert {check: one.severity.value for check, one in found.items()} == {
        "clock-skew": "warning",
        "events-off": "warning",
        "sent-events-off": "info",
        "result-extended-off": "info",
        "track-started-off": "info",
    }
    assert found["clock-skew"].subject == "worker one@test"
    assert "1.5 min ahead of ours" in found["clock-skew"].evidence
    assert found["events-off"].fix == "celery -A APP control enable_events"
    assert fleet.apply(found["events-off"]).startswith("worker.enable_events: 1 of 1 workers")
    fleet.start_worker(name="two", concurrency=1, options=("-E",))
    assert fleet.diagnose()["events-off"].subject == "workers one@test"


def test_two_schedulers(fleet: WatchedFleet) -> None:
    fleet.configure(beat_schedule={"tick": {"task": "steps.add", "schedule": 0.3, "args": [1]}})
    fleet.start_worker(concurrency=1)
    fleet.start_beat()
    eventually(lambda: fleet.runs_of("add") > 3, "some runs")
    assert "two-beats" not in fleet.diagnose()
    fleet.start_beat()
    found = eventually(lambda: fleet.diagnose().get("two-beats"), "the second scheduler")
    assert found.subject == "task steps.add"
    assert found.evidence.startswith("2 processes publish it by turns: gen")


def test_a_fleet_without_a_record_is_looked_at_as_well(fleet: WatchedFleet) -> None:
    fleet.start_worker(concurrency=1)
    running = fleet.app.tasks["steps.wait"].delay("go")
    fleet.until(running.id, "PROGRESS")
    waiting = fleet.app.tasks["steps.add"].delay(1)
    access = fleet.access(database=None)
    assert diagnose(access) == ()
    [runs] = explain_task(running.id, access)
    assert (runs.check, runs.severity) == ("task-runs", Severity.INFO)
    [waits] = explain_task(waiting.id, access)
    assert running.id in waits.evidence
    fleet.raise_flag("go")
    fleet.until(waiting.id, "SUCCESS")
    assert explain_task(waiting.id, access) == ()
    [unknown] = explain_task("no-such-id", access)
    assert unknown.evidence.startswith("no queue, worker or result knows the id")
