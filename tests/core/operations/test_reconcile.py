"""Messages that the broker lost come back from the record."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis
from sqlalchemy import text

from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.reconcile import Reconciled, reconcile, reconciling
from tests.core.recorder.fleet import ForeignFleet, eventually

pytestmark = pytest.mark.fleet


@pytest.fixture
def mailbox(fleet: ForeignFleet) -> Iterator[Mailbox]:
    with closing(Mailbox(fleet.app)) as mailbox:
        yield mailbox


def run(
    fleet: ForeignFleet,
    mailbox: Mailbox,
    *expected: str,
    grace_s: float = 0.0,
    begun_grace_s: float | None = None,
    dry_run: bool = False,
) -> Reconciled:
    with closing(RedisBroker(fleet.app)) as broker:
        return reconcile(
            fleet.database,
            fleet.app,
            broker,
            mailbox,
            expected,
            grace_s=grace_s,
            begun_grace_s=begun_grace_s,
            dry_run=dry_run,
            timeout_s=1.0,
        )


def test_a_lost_queue_is_filled_again(
    fleet: ForeignFleet, mailbox: Mailbox, redis_client: redis.Redis
) -> None:
    add = fleet.app.tasks["steps.add"]
    kept = add.delay(1)
    eventually(lambda: fleet.row(kept.id), "record")
    assert run(fleet, mailbox) == Reconciled((), (), ())
    redis_client.delete("steps")
    assert [task.task_id for task in run(fleet, mailbox, dry_run=True).lost] == [kept.id]
    assert run(fleet, mailbox, grace_s=60) == Reconciled((), (), ())
    assert run(fleet, mailbox).republished == (kept.id,)
    assert run(fleet, mailbox).lost == ()
    fleet.start_worker()
    row = fleet.until(kept.id, "SUCCESS")
    assert (row["attempt"], row["starts"]) == (1, 1)


def test_what_workers_hold_is_not_lost(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    fleet.start_worker(concurrency=1)
    later = fleet.app.tasks["steps.add"].apply_async((1,), countdown=300)
    fleet.until(later.id, "RECEIVED")
    assert run(fleet, mailbox, "one@test") == Reconciled((), (), ())


def test_a_silent_worker_stops_it(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    task = fleet.app.tasks["steps.add"].delay(1)
    eventually(lambda: fleet.row(task.id), "record")
    with pytest.raises(RefusedError, match="ghost@test did not answer"):
        run(fleet, mailbox, "ghost@test")


def test_a_worker_that_nobody_knew_stops_it_too_when_it_says_nothing(
    fleet: ForeignFleet, mailbox: Mailbox
) -> None:
    worker = fleet.start_worker(concurrency=1)
    task = fleet.app.tasks["steps.add"].apply_async((1,), queue="elsewhere")
    eventually(lambda: fleet.row(task.id), "record")
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        with pytest.raises(RefusedError, match="1 of the workers that hear commands did not answer"):
            run(fleet, mailbox)
    finally:
        os.kill(worker.pid, signal.SIGCONT)


def test_what_was_begun_comes_back_after_its_own_time_alone(
    fleet: ForeignFleet, mailbox: Mailbox, redis_client: redis.Redis
) -> None:
    worker = fleet.start_worker(concurrency=1)
    task = fleet.app.tasks["steps.wait"].delay("go")
    fleet.until(task.id, "PROGRESS")
    assert run(fleet, mailbox, begun_grace_s=0.0).lost == (), "it runs"
    fleet.kill_worker(worker)
    redis_client.flushdb()
    assert run(fleet, mailbox).lost == ()
    assert run(fleet, mailbox, begun_grace_s=600).lost == ()
    assert run(fleet, mailbox, begun_grace_s=0.0).republished == (task.id,)
    fleet.raise_flag("go")
    fleet.start_worker(concurrency=1)
    fleet.until(task.id, "SUCCESS")


def test_what_has_a_result_is_not_lost_though_its_record_is_late(
    fleet: ForeignFleet, mailbox: Mailbox
) -> None:
    fleet.start_worker(concurrency=1)
    task = fleet.app.tasks["steps.add"].delay(1)
    fleet.until(task.id, "SUCCESS")
    with fleet.database.session() as session:
        session.execute(text("UPDATE earthgazer.task_executions SET state = 'RECEIVED'"))
    assert run(fleet, mailbox).lost == ()
    assert fleet.runs_of("add") == 1


def test_two_do_not_reconcile_at_once(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    with reconciling(fleet.database), pytest.raises(RefusedError, match="somebody else reconciles"):
        run(fleet, mailbox)
    assert run(fleet, mailbox).lost == ()
