"""Messages that lost their way when Redis was emptied under a publisher that stayed connected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import redis
from celery import Celery
from kombu import Exchange, Queue
from kombu.transport.virtual import base

from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.doctor import Severity
from earthgazer_core.operations.queues.lever_broker import lever_broker
from earthgazer_core.operations.queues.peek import peek
from tests.core.operations.doctor.watched_fleet import WatchedFleet

pytestmark = pytest.mark.fleet


@pytest.fixture
def publisher(fleet: WatchedFleet) -> Iterator[Celery]:
    """A publisher that sends by exchange, and has kombu keep what no binding leads anywhere."""
    app = Celery("publisher", broker=fleet.config.broker_url, set_as_current=False)
    app.conf.broker_transport_options = {"deadletter_queue": "ae.undeliver"}
    app.conf.task_default_queue = "plain"
    app.conf.task_queues = [Queue("plain"), Queue("steps", Exchange("work", "direct"), routing_key="steps")]
    yield app
    app.close()


def send(app: Celery, exchange: str, key: str) -> str:
    return str(app.send_task("steps.add", args=(1,), exchange=exchange, routing_key=key).id)


def test_what_lies_in_no_workers_queue_is_named_seen_and_brought_back(
    fleet: WatchedFleet, publisher: Celery, redis_client: redis.Redis
) -> None:
    fleet.app.conf.task_queues = publisher.conf.task_queues
    for name in ("plain", "steps"):
        publisher.send_task("steps.add", args=(1,), queue=name)
    redis_client.flushdb()
    # By name it needs no binding.
    plain = str(publisher.send_task("steps.add", args=(1,), queue="plain").id)
    with pytest.warns(base.UndeliverableWarning):
        lost = send(publisher, "work", "steps")
    with pytest.warns(base.UndeliverableWarning):
        stray = send(publisher, "work", "nowhere")
    assert {name: redis_client.llen(name) for name in ("plain", "steps", "ae.undeliver")} == {
        "plain": 1, "steps": 0, "ae.undeliver": 2,
    }  # fmt: skip
    with closing(lever_broker(fleet.app)) as broker:
        assert "ae.undeliver" in broker.queue_names()
        assert {one.task_id for one in peek(broker, "ae.undeliver")} == {lost, stray}
        assert [one.task_id for one in peek(broker, "plain")] == [plain]
    found = fleet.diagnose()["message-undelivered"]
    assert (found.severity, found.subject) == (Severity.CRITICAL, "queue ae.undeliver")
    assert "2 messages (meant for steps) that no binding led to a queue" in found.evidence
    assert found.fix.endswith("earthgazer queues move ae.undeliver --all --to steps")
    assert found.remedy is not None
    assert found.remedy.words == "move what lies in ae.undeliver to the queues that it was for"
    told = fleet.apply(found)
    assert told.startswith("1 moved from ae.undeliver to steps; 1 left")
    assert (redis_client.llen("steps"), redis_client.llen("ae.undeliver")) == (1, 1)
    left = fleet.diagnose()["message-undelivered"]
    assert left.remedy is None
    with pytest.raises(RefusedError, match="nobody can tell"):
        fleet.apply(found)
    fleet.start_worker(concurrency=1, options=("--queues", "steps"))
    fleet.until(lost, "SUCCESS")
