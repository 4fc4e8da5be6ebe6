"""Chords whose body is several tasks, published while an answer is lost half way: each of them runs once."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
import redis
from celery import Celery, chain, chord, group

from earthgazer_core.errors import RefusedError, ServiceUnavailableError, UnsureError
from earthgazer_core.operations.retry import Retrier
from tests.campaigns.faulty_proxy import FaultyProxy
from tests.core.operations.reconciling import reconciled
from tests.core.recorder.fleet import ForeignFleet, eventually

pytestmark = pytest.mark.fleet


def waiting(redis_client: redis.Redis) -> list[str]:
    """Return the ids in the queue, the next to run first."""
    raws: Any = redis_client.lrange("steps", 0, -1)
    return [json.loads(raw)["headers"]["id"] for raw in reversed(raws)]


def first_tasks(fleet: ForeignFleet, body: Any, redis_client: redis.Redis) -> list[str]:
    """Run a chord's header, lose its count, and return the tasks that its body begins with."""
    worker = fleet.start_worker(concurrency=1)
    header = [fleet.app.tasks["steps.add"].s(1), fleet.app.tasks["steps.wait"].si("go")]
    chord(header)(body)
    eventually(lambda: fleet.journal()["wait go"])
    redis_client.flushdb()
    fleet.raise_flag("go")
    eventually(
        lambda: len(fleet.rows("select 1 from earthgazer.task_executions where state = 'SUCCESS'")) == 2
    )
    fleet.stop_worker(worker)
    rows = fleet.rows(
        "select task_id from earthgazer.workflow_steps where name = 'steps.look' order by ordinal"
    )
    return [row["task_id"] for row in rows]


def body_of(fleet: ForeignFleet, shape: str) -> Any:
    look = fleet.app.tasks["steps.look"]
    several = group(look.si(number) for number in (1, 2, 3))
    if shape == "a group":
        return several
    return chain(several, fleet.app.tasks["steps.total"].s())


@pytest.mark.parametrize(
    ("shape", "has_arrived"), [("a group", True), ("a group and what follows it", False)]
)
def test_what_was_not_sent_is_finished_by_the_reconciler(
    fleet: ForeignFleet,
    operator: Celery,
    proxy: FaultyProxy,
    redis_client: redis.Redis,
    shape: str,
    has_arrived: bool,
) -> None:
    ids = first_tasks(fleet, body_of(fleet, shape), redis_client)
    retrier = Retrier(fleet.database, operator, encryption_key=fleet.config.encryption_key)
    proxy.swallow_answers_to(ids[1].encode())
    with pytest.raises(UnsureError, match=f"1 of 3 messages published; of {ids[1]} .* 1 were not sent after"):
        retrier.retry(ids[0])
    proxy.heal()
    assert waiting(redis_client) == ids[:2]
    for task_id in ids:
        with pytest.raises(RefusedError):
            retrier.retry(task_id)
    if not has_arrived:
        redis_client.rpop("steps")
        redis_client.lpop("steps")
    assert sorted(reconciled(fleet)) == sorted(ids[2:] if has_arrived else ids)
    assert reconciled(fleet) == ()
    assert Counter(waiting(redis_client)) == Counter(ids)
    [noted] = fleet.rows(
        "select detail from earthgazer.operator_actions where action = 'task.retry' and outcome = 'unsure'"
    )
    assert "were not sent" in noted["detail"]["reason"]
    fleet.start_worker(concurrency=2)
    for task_id in ids:
        fleet.until(task_id, "SUCCESS")
    assert {line: n for line, n in fleet.journal().items() if line.startswith("look")} == {
        "look 1": 1, "look 2": 1, "look 3": 1,
    }  # fmt: skip
    if shape != "a group":
        eventually(lambda: fleet.journal()["total 6"] == 1, fleet.log)


def test_nothing_of_a_body_is_sent_where_the_broker_is_away(
    fleet: ForeignFleet, operator: Celery, proxy: FaultyProxy, redis_client: redis.Redis
) -> None:
    ids = first_tasks(fleet, body_of(fleet, "a group"), redis_client)
    retrier = Retrier(fleet.database, operator, encryption_key=fleet.config.encryption_key)
    proxy.swallow()
    with pytest.raises(ServiceUnavailableError, match="nothing was published") as caught:
        retrier.retry(ids[0])
    assert not isinstance(caught.value, UnsureError)
    proxy.heal()
    assert retrier.retry(ids[1]).task_id == ids[1]
    assert waiting(redis_client) == ids
