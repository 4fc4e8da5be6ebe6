"""Messages that the broker lost come back from the record."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from typing import Any

import pytest
import redis
from celery import chain, chord
from sqlalchemy import text

from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.doctor.see_task import find_result_state
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.reconcile import Reconciled, reconcile, reconciling
from earthgazer_core.operations.retry import Retrier
from tests.core.recorder.fleet import ForeignFleet, eventually

pytestmark = pytest.mark.fleet


def run(
    fleet: ForeignFleet,
    mailbox: Mailbox,
    *expected: str,
    grace_s: float = -1.0,
    begun_grace_s: float | None = None,
    dry_run: bool = False,
) -> Reconciled:
    """Reconcile; by default what a process recorded whose clock is a moment ahead of the database's, too."""
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


def test_an_end_that_was_not_recorded_is_taken_from_the_result_backend(
    fleet: ForeignFleet, mailbox: Mailbox
) -> None:
    """A process that is killed takes with it what it had to record of the last quarter of a second."""
    fleet.start_worker(concurrency=1)
    add, needs = fleet.app.tasks["steps.add"], fleet.app.tasks["steps.needs"]
    chord([add.s(1)])(fleet.app.tasks["steps.total"].s())
    failed = needs.delay(1, "never")
    fleet.until(failed.id, "FAILURE")
    ids = eventually(lambda: [row["task_id"] for row in fleet.rows(_ENDED)])
    with fleet.database.session() as session:
        session.execute(
            text(
                "UPDATE earthgazer.task_executions SET state = 'STARTED', finished_at = NULL,"
                " result = NULL, error_type = NULL, state_order = state_order / 10 * 10 + 2"
            )
        )
        session.execute(
            text("DELETE FROM earthgazer.task_state_changes WHERE state in ('SUCCESS', 'FAILURE')")
        )
        session.execute(text("DELETE FROM earthgazer.chord_parts"))
    assert run(fleet, mailbox, grace_s=600).ended == ()
    assert sorted(run(fleet, mailbox, dry_run=True).ended) == sorted([*ids, failed.id])
    done = run(fleet, mailbox)
    assert (sorted(done.ended), done.lost) == (sorted([*ids, failed.id]), ())
    for task_id in ids:
        row = fleet.until(task_id, "SUCCESS")
        assert (row["result"], row["finished_at"] is not None) == (1, True)
        assert fleet.states(task_id)[-1] == "SUCCESS"
    row = fleet.until(failed.id, "FAILURE")
    assert (row["error_type"], row["error_message"]) == ("LookupError", "no never yet")
    assert "LookupError" in row["traceback"]
    assert len(fleet.rows("select 1 from earthgazer.chord_parts")) == 1
    assert run(fleet, mailbox).is_idle
    assert fleet.runs_of("add") == 1


def test_two_do_not_reconcile_at_once(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    with reconciling(fleet.database), pytest.raises(RefusedError, match="somebody else reconciles"):
        run(fleet, mailbox)
    assert run(fleet, mailbox).lost == ()


def test_a_failure_before_an_operators_retry_is_not_taken_for_its_end(
    fleet: ForeignFleet, mailbox: Mailbox, redis_client: redis.Redis
) -> None:
    worker = fleet.start_worker(concurrency=1)
    task = fleet.app.tasks["steps.needs"].delay(1, "go")
    fleet.until(task.id, "FAILURE")
    fleet.stop_worker(worker)
    Retrier(fleet.database, fleet.app).retry(task.id)
    redis_client.delete("steps")
    assert find_result_state(fleet.app, task.id) == "FAILURE"
    assert run(fleet, mailbox).republished == (task.id,)
    fleet.raise_flag("go")
    fleet.start_worker(concurrency=1)
    assert fleet.until(task.id, "SUCCESS")["attempt"] == 2


def test_a_chord_whose_count_was_lost_goes_on(
    fleet: ForeignFleet, mailbox: Mailbox, redis_client: redis.Redis
) -> None:
    """Some members had ended before the broker was emptied, one ended after."""
    fleet.start_worker()
    add, wait, total = (fleet.app.tasks[f"steps.{name}"] for name in ("add", "wait", "total"))
    body = chord([add.s(1), add.s(2, 3), chain(wait.si("go"), add.si(4))])(total.s())
    members = eventually(
        lambda: found if len(found := fleet.rows(_MEMBERS)) == 2 and _are(found, "SUCCESS") else None
    )
    eventually(lambda: fleet.journal()["wait go"])
    redis_client.flushdb()
    fleet.raise_flag("go")
    eventually(lambda: fleet.rows(_LAST))
    assert run(fleet, mailbox, grace_s=600).bodies == ()
    assert fleet.row(body.id) is None
    kept = fleet.app.backend.get_task_meta(members[0]["task_id"])
    assert kept["status"] == "PENDING", "emptied"
    assert run(fleet, mailbox, dry_run=True).bodies == (body.id,)
    assert run(fleet, mailbox).bodies == (body.id,)
    assert fleet.until(body.id, "SUCCESS")["result"] == 10
    assert run(fleet, mailbox).bodies == ()
    assert fleet.runs_of("total") == 1


_ENDED = (
    "select task_id from earthgazer.task_executions where state = 'SUCCESS'"
    " and (select count(*) from earthgazer.task_executions where state = 'SUCCESS') = 2"
)
_MEMBERS = (
    "select task_id, state from earthgazer.task_executions where group_id is not null and name = 'steps.add'"
)
_LAST = (
    "select task_id from earthgazer.task_executions where name = 'steps.add' and args_repr like '%4%'"
    " and state = 'SUCCESS'"
)


def _are(rows: list[dict[str, Any]], state: str) -> bool:
    return all(row["state"] == state for row in rows)
