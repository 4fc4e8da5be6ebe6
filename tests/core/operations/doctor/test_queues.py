"""Queues that nobody consumes, and messages that nobody will run."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from earthgazer_core.errors import NotFoundError
from earthgazer_core.operations import audit
from earthgazer_core.operations.doctor import Severity
from earthgazer_core.operations.queues.lever_broker import lever_broker
from earthgazer_core.operations.queues.pause import pause
from tests.core.operations.doctor.watched_fleet import WatchedFleet
from tests.core.recorder.fleet import eventually

pytestmark = pytest.mark.fleet


def test_messages_without_a_consumer(fleet: WatchedFleet) -> None:
    task = fleet.app.tasks["steps.add"].apply_async((1,), queue="lonely; rm -rf")
    found = fleet.diagnose()["queue-without-consumer"]
    assert (found.severity, found.subject) == (Severity.CRITICAL, "queue lonely; rm -rf")
    assert found.evidence == "1 message, and no worker that answered consumes it"
    assert found.fix == "celery -A APP worker -E -Q 'lonely; rm -rf'"
    [reason] = fleet.explain(task.id).values()
    assert reason.check == "queue-without-consumer"
    assert "with 0 messages before it" in reason.evidence


def test_a_paused_queue_is_remembered_and_goes_on(fleet: WatchedFleet) -> None:
    fleet.start_worker(concurrency=1)
    access = fleet.access()
    assert access.mailbox is not None
    with closing(lever_broker(fleet.app)) as broker:
        pause(broker, access.mailbox, "steps", expected=["one@test"])
        task = fleet.app.tasks["steps.add"].delay(1)
        found = fleet.diagnose()
        assert set(found) == {"queue-paused"}
        assert f"paused by {audit.who()[0]}" in found["queue-paused"].evidence
        assert found["queue-paused"].fix == "earthgazer queues resume steps"
        assert "paused" in fleet.explain(task.id)["queue-paused"].evidence
        fleet.app.control.add_consumer("steps", reply=True, timeout=5, limit=1)
        fleet.until(task.id, "SUCCESS")
        again = fleet.diagnose()["queue-paused"]
        assert "one@test consumes it all the same" in again.evidence
        assert fleet.apply(again) == "steps: paused on 1 worker"
        waiting = fleet.app.tasks["steps.add"].delay(1)
        paused = fleet.diagnose()["queue-paused"]
        assert paused.remedy is not None
        assert paused.remedy.words == "let the queue steps go on, on the workers that consumed it"
        assert fleet.apply(paused) == "steps: resumed on 1 worker"
        fleet.until(waiting.id, "SUCCESS")
        assert fleet.diagnose() == {}
        with pytest.raises(NotFoundError, match="not paused"):
            fleet.apply(paused)


def test_a_worker_whose_consumers_were_cancelled(fleet: WatchedFleet) -> None:
    fleet.start_worker(concurrency=1)
    fleet.app.control.cancel_consumer("steps", reply=True, timeout=5, limit=1)
    eventually(lambda: "queue-paused" in fleet.diagnose(), "the pause")
    found = fleet.diagnose()["queue-paused"]
    assert found.subject == "worker one@test"
    assert found.fix == "celery -A APP control -d one@test add_consumer steps"
    fleet.apply(found)
    eventually(lambda: fleet.diagnose() == {}, "the consumer")


def test_messages_that_will_not_run_as_meant(fleet: WatchedFleet) -> None:
    """One worker, its only process busy: what waits behind it shows every fault of a message."""
    fleet.configure(broker_transport_options={"global_keyprefix": "", "visibility_timeout": 600})
    fleet.start_worker(concurrency=1)
    add = fleet.app.tasks["steps.add"]
    assert fleet.diagnose() == {}
    far = add.apply_async((1,), countdown=5_000)
    near = add.apply_async((1,), countdown=100)
    fleet.holds(2)
    running = fleet.app.tasks["steps.wait"].delay("go")
    fleet.until(running.id, "PROGRESS")
    ghost = fleet.app.send_task("steps.ghost", queue="steps")
    expired = add.apply_async((1,), expires=datetime.now(UTC) - timedelta(minutes=1))
    revoked = add.apply_async((1,))
    fleet.app.control.revoke(revoked.id)
    eventually(lambda: "revoked-id-waits" in fleet.diagnose(), "the revoked id")
    found = fleet.diagnose()
    assert {check: one.severity.value for check, one in found.items()} == {
        "task-unregistered": "critical",
        "eta-beyond-visibility-timeout": "warning",
        "message-expired": "warning",
        "revoked-id-waits": "warning",
    }
    assert ghost.id in found["task-unregistered"].evidence
    assert found["task-unregistered"].fix == "restart one@test with the code that defines steps.ghost"
    assert far.id in found["eta-beyond-visibility-timeout"].evidence
    assert expired.id in found["message-expired"].evidence
    assert revoked.id in found["revoked-id-waits"].evidence

    assert "eta-beyond-visibility-timeout" in fleet.explain(far.id)
    assert "in 1." in fleet.explain(near.id)["task-scheduled"].evidence
    assert "runs on one@test" in fleet.explain(running.id)["task-runs"].evidence
    assert fleet.explain(ghost.id)["task-unregistered"].severity is Severity.CRITICAL
    assert {"message-expired", "consumers-busy"} == set(fleet.explain(expired.id))
    waits = fleet.explain(revoked.id)
    assert "with 2 messages before it" in waits["consumers-busy"].evidence
    assert "one@test holds its id as revoked" in waits["revoked-id-waits"].evidence
    fleet.raise_flag("go")
    fleet.until(running.id, "SUCCESS")
    assert fleet.explain(running.id) == {}


def test_a_rate_limit_holds_tasks_back(fleet: WatchedFleet) -> None:
    fleet.start_worker(concurrency=1)
    fleet.app.control.rate_limit("steps.look", "1/h", reply=True, timeout=5, limit=1)
    look = fleet.app.tasks["steps.look"]
    first, second = look.delay(1), look.delay(2)
    fleet.until(first.id, "SUCCESS")
    fleet.holds(1)
    found = fleet.diagnose()
    assert set(found) == {"rate-limited"}
    assert second.id in found["rate-limited"].evidence
    assert found["rate-limited"].fix == "celery -A APP control rate_limit steps.look 0"
    assert "at most 1/h" in fleet.explain(second.id)["rate-limited"].evidence
    assert "keeps its old pace" in fleet.apply(found["rate-limited"])
    assert fleet.diagnose() == {}
    fleet.until(second.id, "RECEIVED")
    assert "a rate limit of then holds it back" in fleet.explain(second.id)["task-held-back"].evidence


def test_old_unacknowledged_messages(fleet: WatchedFleet) -> None:
    fleet.configure(
        broker_transport_options={
            "global_keyprefix": "",
            "visibility_timeout": 2,
            "unacked_restore_throttle": 1_000,
        }
    )
    fleet.start_worker(concurrency=1)
    # Whoever looks may have another limit; the worker's own is the one in force.
    fleet.app.conf.update(broker_transport_options={"global_keyprefix": ""})
    task = fleet.app.tasks["steps.wait"].delay("go")
    fleet.holds(1)
    found = eventually(lambda: fleet.diagnose().get("unacked-near-visibility-timeout"), "its age")
    assert found.subject == "queue steps"
    assert task.id in found.evidence
    assert "It runs on one@test" in found.evidence
    fleet.raise_flag("go")
