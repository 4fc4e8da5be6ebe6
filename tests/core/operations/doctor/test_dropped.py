"""Tasks whose message nobody has any more: dropped by the broker, refused by workers, unknown to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis
from kombu import Exchange
from sqlalchemy import update

from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.operations.doctor import Severity
from tests.core.operations.doctor.watched_fleet import WatchedFleet
from tests.core.recorder.fleet import eventually

pytestmark = pytest.mark.fleet


@pytest.fixture(autouse=True)
def _forgiving(fleet: WatchedFleet) -> None:
    """A broker that drops what no binding leads to a queue, as kombu has it where nothing says otherwise."""
    fleet.app.conf.broker_transport_options = {}


def _age(fleet: WatchedFleet, task_id: str) -> None:
    """Let a task look as if nothing had been heard of it for ten minutes."""
    with fleet.database.session() as session:
        session.execute(
            update(TaskExecutionRow)
            .where(TaskExecutionRow.task_id == task_id)
            .values(
                sent_at=TaskExecutionRow.sent_at - timedelta(minutes=10),
                updated_at=TaskExecutionRow.updated_at - timedelta(minutes=10),
            )
        )


def test_what_the_broker_dropped_is_found_with_its_cause(fleet: WatchedFleet) -> None:
    add = fleet.app.tasks["steps.add"]
    lost = str(add.apply_async((1,), exchange=Exchange("work", "direct"), routing_key="steps").id)
    there = str(add.delay(2).id)
    for task_id in (lost, there):
        fleet.until(task_id, "PENDING")
    assert "message-gone" not in fleet.diagnose()
    found = fleet.diagnose(nowhere_s=0)["message-gone"]
    assert found.severity is Severity.CRITICAL
    assert lost in found.evidence
    assert there not in found.evidence
    assert "sent to the exchange work" in found.evidence
    assert "deadletter_queue" in found.evidence
    assert "task_queues bind steps to work; then earthgazer reconcile" in found.fix
    assert found.remedy is None


def test_what_was_lost_with_an_emptied_broker_is_sent_again(
    fleet: WatchedFleet, redis_client: redis.Redis
) -> None:
    lost = str(fleet.app.tasks["steps.add"].delay(1).id)
    fleet.until(lost, "PENDING")
    redis_client.flushdb()
    _age(fleet, lost)
    assert fleet.apply(fleet.diagnose()["message-gone"]) == "1 lost, 1 published again"
    assert "message-gone" not in fleet.diagnose(nowhere_s=0)
    fleet.start_worker(concurrency=1)
    fleet.until(lost, "SUCCESS")
    assert fleet.journal()["add 1 0"] == 1


def test_what_a_task_rejects_for_good_is_a_failure(fleet: WatchedFleet) -> None:
    fleet.start_worker(concurrency=1)
    rejected = str(fleet.app.send_task("steps.reject").id)
    assert fleet.until(rejected, "FAILURE")["error_type"] == "Reject"
    assert "message-gone" not in fleet.diagnose(nowhere_s=0)


def test_what_workers_do_not_read_or_know_is_told_with_its_cause(fleet: WatchedFleet) -> None:
    fleet.start_worker(concurrency=1)
    add = fleet.app.tasks["steps.add"]
    add.serializer = "pickle"
    unread = str(add.delay(1).id)
    fleet.until(unread, "PENDING")
    stranger = str(fleet.app.send_task("steps.nobody", args=(1,)).id)
    fleet.until(stranger, "FAILURE")
    eventually(lambda: "Refusing to deserialize" in fleet.log or "ContentDisallowed" in fleet.log, fleet.log)
    told: dict[str, Any] = fleet.diagnose(nowhere_s=0)
    gone = told["message-gone"]
    assert unread in gone.evidence
    assert "application/x-python-serialize, which one@test throws away unread" in gone.evidence
    assert gone.remedy is None
    unknown = told["task-thrown-away"]
    assert (unknown.severity, unknown.subject) == (Severity.CRITICAL, "task steps.nobody")
    assert f"1 message such as {stranger} thrown away by one@test" in unknown.evidence
    assert unknown.remedy is not None
