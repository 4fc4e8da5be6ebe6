"""What is published while the broker's answer is lost: never twice, told as not known, also in the audit."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery, chain, chord

from earthgazer_core import recorder
from earthgazer_core.errors import RefusedError, UnsureError
from earthgazer_core.operations.arguments import Arguments
from earthgazer_core.operations.cancel import cancel_run
from earthgazer_core.operations.copies import Copier, Ended
from earthgazer_core.operations.lock import OperatorLock
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.queues.broker import QueueBroker
from earthgazer_core.operations.resume import Resumer
from earthgazer_core.operations.retry import Retrier
from earthgazer_tui.fleet.live.audit import Audit
from tests.campaigns.faulty_proxy import FaultyProxy
from tests.core.operations.reconciling import reconciled
from tests.core.recorder.fleet import ForeignFleet, eventually

pytestmark = pytest.mark.fleet


def audited(fleet: ForeignFleet, action: str) -> list[dict[str, Any]]:
    return fleet.rows(
        "select outcome, detail from earthgazer.operator_actions where action = :action order by id",
        action=action,
    )


def test_a_retry_counts_as_sent_and_comes_back_where_it_is_nowhere(
    fleet: ForeignFleet, operator: Celery, proxy: FaultyProxy, redis_client: redis.Redis
) -> None:
    worker = fleet.start_worker(concurrency=1)
    needs = fleet.app.tasks["steps.needs"]
    ids = [str(needs.delay(number, "go").id) for number in (1, 2)]
    for task_id in ids:
        fleet.until(task_id, "FAILURE")
    fleet.stop_worker(worker)
    retrier = Retrier(fleet.database, operator, encryption_key=fleet.config.encryption_key)
    proxy.swallow_answers_to(b"LPUSH")
    for task_id in ids:
        with pytest.raises(UnsureError, match=f"may have been published.*whether {task_id} waits"):
            retrier.retry(task_id)
        proxy.heal()
        proxy.swallow_answers_to(b"LPUSH")
        with pytest.raises(RefusedError, match="it is PENDING"):
            retrier.retry(task_id)
    proxy.heal()
    assert [row["outcome"] for row in audited(fleet, "task.retry")] == [
        "unsure", "refused", "unsure", "refused",
    ]  # fmt: skip
    assert "may have been published" in audited(fleet, "task.retry")[0]["detail"]["reason"]
    assert redis_client.llen("steps") == 2
    assert reconciled(fleet) == ()
    # As if the second had not arrived.
    redis_client.lpop("steps")
    assert reconciled(fleet) == (ids[1],)
    fleet.raise_flag("go")
    fleet.start_worker(concurrency=1)
    for task_id in ids:
        assert fleet.until(task_id, "SUCCESS")["attempt"] == 2
    assert fleet.journal() == Counter({"needs 1": 2, "needs 2": 2})


def test_a_chords_body_is_published_once(
    fleet: ForeignFleet, operator: Celery, proxy: FaultyProxy, redis_client: redis.Redis
) -> None:
    worker = fleet.start_worker(concurrency=1)
    tasks = fleet.app.tasks
    body: Any = chord([tasks["steps.add"].s(1), tasks["steps.wait"].si("go")])(tasks["steps.look"].si(3))
    eventually(lambda: fleet.journal()["wait go"])
    redis_client.flushdb()
    fleet.raise_flag("go")
    eventually(lambda: in_state(fleet, "SUCCESS") == 2)
    fleet.stop_worker(worker)
    retrier = Retrier(fleet.database, operator, encryption_key=fleet.config.encryption_key)
    assert "it was never published" in retrier.offer(body.id).reason
    proxy.swallow_answers_to(b"LPUSH")
    with pytest.raises(UnsureError, match=f"may have been published.*whether {body.id} waits"):
        retrier.retry(body.id)
    proxy.heal()
    with pytest.raises(RefusedError):
        retrier.retry(body.id)
    assert [row["outcome"] for row in audited(fleet, "task.retry")] == ["unsure", "refused"]
    assert redis_client.llen("steps") == 1
    # As if it had not arrived.
    redis_client.delete("steps")
    assert reconciled(fleet) == (body.id,)
    fleet.start_worker(concurrency=1)
    fleet.until(body.id, "SUCCESS")
    assert fleet.runs_of("look") == 1


def in_state(fleet: ForeignFleet, state: str) -> int:
    return len(fleet.rows("select task_id from earthgazer.task_executions where state = :state", state=state))


def test_a_copy_is_sent_once_and_the_second_operator_is_told_of_it(
    fleet: ForeignFleet, operator: Celery, proxy: FaultyProxy, redis_client: redis.Redis, tmp_path: Path
) -> None:
    with closing(QueueBroker(fleet.app)) as broker:
        task = Ended("failed-1", "steps.add", "FAILURE", "steps", Arguments([7], {}, "extended result"))
        proxy.swallow_answers_to(b"LPUSH")
        audit = Audit(None, "field", tmp_path / "audit.jsonl")
        with pytest.raises(UnsureError, match="may have been published"), audit.noting("task.retry", {}):
            Copier(operator, OperatorLock(broker)).copy(task)
        proxy.heal()
        for app in (operator, fleet.app):
            with pytest.raises(RefusedError, match=r"may have sent copy .*: look at that one first"):
                Copier(app, OperatorLock(broker)).copy(task)
    assert redis_client.llen("steps") == 1
    written = (tmp_path / "audit.jsonl").read_text()
    assert '"unsure"' in written
    assert "may have been published" in written


def test_a_run_that_is_resumed_has_no_step_twice_and_what_did_not_go_is_a_failure(
    fleet: ForeignFleet, operator: Celery, proxy: FaultyProxy, redis_client: redis.Redis
) -> None:
    worker = fleet.start_worker(concurrency=1)
    tasks = fleet.app.tasks
    with recorder.run_scope("wide") as run_id:
        chain(tasks["steps.wait"].si("go"), tasks["steps.add"].si(1)).apply_async()
        tasks["steps.add"].apply_async((2,))
        tasks["steps.add"].apply_async((3,))
    eventually(lambda: fleet.journal()["wait go"])
    eventually(lambda: in_state(fleet, "PENDING") >= 2)
    with closing(Mailbox(fleet.app)) as mailbox:
        cancel_run(fleet.database, mailbox, run_id, expected=["one@test"])
    fleet.raise_flag("go")
    resumer = Resumer(fleet.database, operator, encryption_key=fleet.config.encryption_key)
    eventually(lambda: not resumer.plan(run_id).refusal)
    fleet.stop_worker(worker)
    redis_client.delete("steps")
    proxy.swallow_answers_to(b"LPUSH")
    with pytest.raises(UnsureError, match=r"0 of 3 sent to run .* may have been published.*; 2 are failures"):
        resumer.resume(run_id)
    proxy.heal()
    [noted] = audited(fleet, "run.resume")
    assert noted["outcome"] == "unsure"
    assert redis_client.llen("steps") == 1
    [new] = fleet.rows(
        "select run_id from earthgazer.workflow_runs where parameters->>'resumes' = :id", id=run_id
    )
    left = fleet.rows("select * from earthgazer.task_executions where error_type = 'NotPublished'")
    assert {row["run_id"] for row in left} == {new["run_id"]}
    assert {row["error_message"] for row in left} == {"the broker was silent before its turn"}
    # The rest goes the same way, one lost answer after the other.
    proxy.swallow_answers_to(b"LPUSH")
    with pytest.raises(UnsureError, match=r"0 sent: .* resume it for the others"):
        resumer.resume(new["run_id"])
    proxy.heal()
    assert len(resumer.resume(new["run_id"]).sent) == 1
    assert redis_client.llen("steps") == 3
    fleet.start_worker(concurrency=1)
    eventually(lambda: fleet.runs_of("add") == 3)
    assert fleet.journal() == Counter({"wait go": 1, "add 1 0": 1, "add 2 0": 1, "add 3 0": 1})
