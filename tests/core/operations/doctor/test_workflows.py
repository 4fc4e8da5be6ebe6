"""Steps of workflows that wait, are blocked, or will never run."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from celery import chain, chord

from earthgazer_core.operations.doctor import Severity
from tests.core.operations.doctor.watched_fleet import WatchedFleet

pytestmark = pytest.mark.fleet


def test_a_chord_whose_count_was_lost(fleet: WatchedFleet, redis_client: redis.Redis) -> None:
    tasks = fleet.app.tasks
    result: Any = chord([tasks["steps.add"].s(1, 1), tasks["steps.add"].s(2, 2)])(tasks["steps.total"].s())
    header = [child.id for child in result.parent.results]
    for task_id in header:
        fleet.until(task_id, "PENDING")
    assert "chord-lost" not in fleet.diagnose()
    assert "task-waits-for-step" in fleet.explain(result.id)
    for key in redis_client.scan_iter("celery-taskset-meta-*"):
        redis_client.delete(key)
    found = fleet.diagnose()["chord-lost"]
    assert found.severity is Severity.CRITICAL
    assert result.id in found.subject
    assert "2 members of its header still open" in found.evidence
    assert found.fix.startswith("earthgazer workflows resume ")
    fleet.start_worker(concurrency=1)
    for task_id in header:
        fleet.until(task_id, "SUCCESS")
    later = fleet.diagnose(chord_wait_s=0)["chord-lost"]
    assert "its body was never sent" in later.evidence
    assert fleet.explain(result.id)["task-not-published"].severity is Severity.CRITICAL


def test_failed_revoked_and_blocked_tasks_say_so(fleet: WatchedFleet) -> None:
    fleet.start_worker(concurrency=1)
    tasks = fleet.app.tasks
    steps: Any = chain(tasks["steps.needs"].s(1, "flag"), tasks["steps.add"].s(1)).apply_async()
    body = chord([tasks["steps.add"].s(1, 1), tasks["steps.needs"].s(1, "flag")])(tasks["steps.total"].s())
    failed = steps.parent.id
    fleet.until(failed, "FAILURE")
    fleet.until(body.id, "FAILURE")
    reason = fleet.explain(failed)["task-failed"]
    assert "LookupError: no flag yet" in reason.evidence
    assert reason.fix == f"earthgazer tasks retry {failed}"
    waits = fleet.explain(steps.id)["task-waits-for-step"]
    assert (waits.severity, failed in waits.evidence) == (Severity.CRITICAL, True)
    assert "header failed" in fleet.explain(body.id)["task-blocked"].evidence
    late = tasks["steps.add"].apply_async((1,), expires=-1)
    fleet.until(late.id, "REVOKED")
    assert fleet.explain(late.id)["task-revoked"].severity is Severity.WARNING
