"""Queues as they are in a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.operations.broker import RedisBroker
from tests.core.recorder.fleet import ForeignFleet, eventually

pytestmark = pytest.mark.fleet


@pytest.fixture
def broker(fleet: ForeignFleet) -> Iterator[RedisBroker]:
    broker = RedisBroker(fleet.app)
    yield broker
    broker.close()


def test_depth_is_told_by_priority(fleet: ForeignFleet, broker: RedisBroker) -> None:
    add = fleet.app.tasks["steps.add"]
    for priority in (0, 0, 3, 9, 9, 9):
        add.apply_async((priority,), priority=priority)
    [queue] = broker.snapshot(["steps"], {"steps": 0}).queues
    assert (queue.depth, queue.by_priority, queue.consumers) == (6, ((0, 2), (3, 1), (9, 3)), 0)


def test_the_next_message_is_peeked_first(fleet: ForeignFleet, broker: RedisBroker) -> None:
    add = fleet.app.tasks["steps.add"]
    ids = [add.apply_async((number,), priority=priority).id for number, priority in enumerate((9, 0, 0, 3))]
    assert [message.task_id for message in broker.peek("steps", 3)] == [ids[1], ids[2], ids[3]]
    found = broker.find(ids[0])
    assert found is not None
    assert (found.where, found.queue, found.priority, found.args_repr) == ("queue", "steps", 9, "(0,)")
    assert broker.find("nobody") is None


def test_what_workers_hold_is_attributed_to_its_queue(fleet: ForeignFleet, broker: RedisBroker) -> None:
    fleet.start_worker(concurrency=1)
    later = fleet.app.tasks["steps.add"].apply_async((1,), countdown=300)
    waiting = fleet.app.tasks["steps.wait"].delay("go")
    eventually(lambda: broker.snapshot(["steps"]).queues[0].unacked == 2, "two unacked")
    snapshot = broker.snapshot(["steps"])
    [queue] = snapshot.queues
    assert snapshot.unacked == 2
    assert queue.oldest_unacked_s is not None
    assert 0 <= queue.oldest_unacked_s < 30
    assert queue.depth == 0
    found = broker.find(later.id)
    assert found is not None
    assert found.where == "unacked"
    fleet.raise_flag("go")
    fleet.until(waiting.id, "SUCCESS")


def test_names_come_from_bindings_too(fleet: ForeignFleet, broker: RedisBroker) -> None:
    fleet.app.tasks["steps.add"].apply_async((1,), queue="elsewhere")
    assert broker.queue_names(also=["third"]) == ("elsewhere", "steps", "third")
    foreign = RedisBroker.from_url(fleet.config.broker_url)
    assert foreign.queue_names() == ("elsewhere",)
    foreign.close()


def test_a_key_prefix_is_honoured(fleet: ForeignFleet) -> None:
    from tests.core.recorder.foreign_app import make_app

    app = make_app(replace(fleet.config, global_keyprefix="site:", records=False))
    app.tasks["steps.add"].apply_async((1,), priority=6)
    broker = RedisBroker(app)
    assert broker.snapshot(broker.queue_names()).queues[0].by_priority == ((0, 0), (6, 1))
    assert broker.snapshot(["steps"]).queues[0].depth == 1
    broker.close()
    app.close()


def test_a_broker_that_is_away_is_said_to_be() -> None:
    broker = RedisBroker.from_url("redis+socket:///tmp/eg-there-is-no-such-socket?virtual_host=0")
    with pytest.raises(ServiceUnavailableError, match="broker unavailable"):
        broker.queue_names()
    broker.close()
