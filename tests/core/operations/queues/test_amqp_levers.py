"""The levers on queues, and what is behind them, on a real RabbitMQ."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest
from celery import Celery
from kombu import Connection, Queue

from earthgazer_core.errors import (
    InvalidInputError,
    NotFoundError,
    RefusedError,
    ServiceUnavailableError,
)
from earthgazer_core.operations.amqp.broker import AmqpBroker
from earthgazer_core.operations.queues.lever_broker import lever_broker
from earthgazer_core.operations.queues.marks import pauses
from earthgazer_core.operations.queues.move import move, move_all
from earthgazer_core.operations.queues.pause import enforce, pause, resume
from earthgazer_core.operations.queues.peek import find, held, peek
from earthgazer_core.operations.queues.purge import preview_purge, purge
from earthgazer_core.operations.queues.remove import remove
from tests.core.operations.amqp_fleet import AmqpFleet, plain_channel
from tests.core.recorder.fleet import ROOT, eventually
from tests.rabbitmq import RabbitServer

pytestmark = pytest.mark.fleet


@pytest.fixture
def fleet(rabbit_fleet: AmqpFleet) -> AmqpFleet:
    return rabbit_fleet


def declare(fleet: AmqpFleet, queue: str, **options: Any) -> None:
    with Connection(fleet.config.broker_url) as connection:
        bound: Any = Queue(queue, **options)(connection)
        bound.declare()


def test_a_look_changes_neither_order_nor_number(fleet: AmqpFleet) -> None:
    last = [fleet.send(number, priority=1) for number in range(3)]
    first = [fleet.send(number, priority=9, countdown=60) for number in range(2)]
    shown = peek(fleet.broker, "steps")
    assert [message.task_id for message in shown] == [*first, *last]
    assert [message.priority for message in shown] == [9, 9, 1, 1, 1]
    assert [message.position for message in shown] == [0, 1, 2, 3, 4]
    assert (shown[2].name, shown[2].args, shown[2].arguments_from) == ("steps.add", "[0]", "message")
    assert shown[0].eta is not None
    assert peek(fleet.broker, "steps") == shown
    assert [one.task_id for one in peek(fleet.broker, "steps", 2, offset=1)] == [first[1], last[0]]
    assert fleet.waiting() == [*first, *last]
    [found] = find(fleet.broker, "steps", last[1])
    assert found == shown[3]
    assert find(fleet.broker, "steps", found.delivery_tag) == (found,)
    with pytest.raises(NotFoundError, match="no queue nowhere"):
        peek(fleet.broker, "nowhere")
    with pytest.raises(RefusedError, match="doesn't show"):
        held(fleet.broker, "steps")


def test_depth_and_consumers_are_the_brokers_own(fleet: AmqpFleet) -> None:
    fleet.send(1)
    fleet.send(2)
    # Nobody waits for RabbitMQ to confirm what it was sent.
    eventually(lambda: fleet.broker.depth("steps") == 2, "both messages")
    snapshot = fleet.broker.snapshot(["steps", "never"])
    assert [(one.name, one.depth, one.consumers) for one in snapshot.queues] == [
        ("steps", 2, 0),
        ("never", 0, 0),
    ]
    assert (snapshot.unacked, snapshot.queues[0].unacked) == (None, None)
    assert "MANAGEMENT_URL" in snapshot.unacked_reason
    assert "steps" in fleet.broker.queue_names()
    fleet.start_worker(concurrency=1)
    eventually(lambda: len(fleet.steps_run()) == 2, "both steps")
    [steps] = fleet.broker.snapshot(["steps"]).queues
    assert (steps.depth, steps.consumers) == (0, 1)


def test_the_management_api_tells_the_rest(fleet: AmqpFleet, rabbitmq: RabbitServer) -> None:
    fleet.management_url = rabbitmq.management_url
    fleet.start_worker(concurrency=1)
    fleet.send(0, countdown=600)
    declare(fleet, "unheard-of")

    def unacked() -> int | None:
        return fleet.broker.snapshot(["steps"]).queues[0].unacked

    eventually(lambda: unacked() == 1, "what the worker holds")
    snapshot = fleet.broker.snapshot(["steps"])
    assert (snapshot.unacked, snapshot.unacked_reason) == (1, "")
    assert fleet.broker.queue_names() == ("steps", "unheard-of")
    with pytest.raises(InvalidInputError, match="unheard-of has no priorities"):
        move_all(fleet.broker, "steps", to_queue="unheard-of", to_priority=3)


def test_a_management_api_that_refuses_is_no_fault(fleet: AmqpFleet, rabbitmq: RabbitServer) -> None:
    fleet.send(1)
    fleet.management_url = rabbitmq.management_url.replace("guest:guest", "guest:hunter2")
    snapshot = fleet.broker.snapshot(["steps"])
    assert (snapshot.queues[0].depth, snapshot.queues[0].unacked) == (1, None)
    assert "401" in snapshot.unacked_reason
    assert "hunter2" not in snapshot.unacked_reason


def test_exactly_what_was_chosen_is_removed(fleet: AmqpFleet) -> None:
    ids = [fleet.send(number) for number in range(5)]
    shown = peek(fleet.broker, "steps")
    result = remove(fleet.broker, [shown[1], shown[3]], database=fleet.database)
    assert [message.task_id for message in result.removed] == [ids[1], ids[3]]
    assert fleet.waiting() == [ids[0], ids[2], ids[4]]
    assert fleet.states_of([ids[1], ids[3]]) == {"REVOKED"}
    with pytest.raises(NotFoundError, match="no longer in steps"):
        remove(fleet.broker, [shown[1]])


def test_a_worker_of_the_target_runs_what_was_moved(fleet: AmqpFleet) -> None:
    declare(fleet, "other", max_priority=10)
    for number, priority in enumerate((1, 9, 3)):
        fleet.send(number, priority=priority)
    fleet.send(3, priority=3)
    order = fleet.waiting()
    chosen = [message for message in peek(fleet.broker, "steps") if message.task_id == order[1]]
    result = move(fleet.broker, chosen, to_queue="other", to_priority=0, database=fleet.database)
    assert (result.moved, result.gone) == (1, 0)
    assert (fleet.waiting("steps"), fleet.waiting("other")) == ([order[0], *order[2:]], [order[1]])
    steps: list[tuple[int, int]] = []
    result = move_all(
        fleet.broker, "steps", to_queue="other", on_progress=lambda *progress: steps.append(progress)
    )
    assert (result.moved, steps) == (3, [(3, 3)])
    assert (fleet.waiting("steps"), fleet.waiting("other")) == ([], [order[0], *order[2:], order[1]])
    fleet.start_worker(concurrency=1, options=("-Q", "other"))
    eventually(lambda: len(fleet.steps_run()) == 4, f"the moved steps\n{fleet.log}")
    assert fleet.actions() == [("queue.move", "done")]
    with pytest.raises(NotFoundError, match="no longer in steps"):
        move(fleet.broker, chosen, to_queue="other")


def test_a_message_gets_another_priority_and_the_highest_is_first(fleet: AmqpFleet) -> None:
    ids = [fleet.send(number, priority=2) for number in range(4)]
    urgent = [message for message in peek(fleet.broker, "steps") if message.task_id == ids[2]]
    assert move(fleet.broker, urgent, to_priority=10).moved == 1
    assert fleet.waiting() == [ids[2], ids[0], ids[1], ids[3]]
    assert move_all(fleet.broker, "steps", to_priority=0, from_priority=10).moved == 1
    assert fleet.waiting() == [ids[0], ids[1], ids[3], ids[2]]
    assert move_all(fleet.broker, "steps", to_priority=5).moved == 4
    assert fleet.waiting() == [ids[0], ids[1], ids[3], ids[2]]
    with pytest.raises(InvalidInputError, match="0 \\(last\\) to"):
        move_all(fleet.broker, "steps", to_priority=256)
    with pytest.raises(InvalidInputError, match="nowhere to go"):
        move_all(fleet.broker, "steps", to_queue="steps")
    with pytest.raises(NotFoundError, match="no queue nowhere"):
        move_all(fleet.broker, "steps", to_queue="nowhere")


def test_a_full_target_refuses_and_nothing_is_lost(fleet: AmqpFleet) -> None:
    declare(fleet, "small", max_length=2, queue_arguments={"x-overflow": "reject-publish"})
    ids = [fleet.send(number) for number in range(5)]
    with pytest.raises(RefusedError, match="full"):
        move_all(fleet.broker, "steps", to_queue="small")
    assert (fleet.waiting("small"), fleet.waiting("steps")) == (ids[:2], ids[2:])


def test_a_mover_that_is_killed_loses_nothing(fleet: AmqpFleet) -> None:
    declare(fleet, "other", max_priority=10)
    ids = fleet.flood(1_500)
    mover = subprocess.Popen(
        [sys.executable, "-m", "tests.core.operations.queues.mover", "steps", "other"],
        cwd=ROOT,
        env=fleet.environment(),
    )
    eventually(lambda: fleet.broker.depth("other") > 50, "some moved")
    mover.kill()
    mover.wait()
    # The broker sees the end of the connection a moment later.
    eventually(lambda: fleet.broker.depth("other") + fleet.broker.depth("steps") >= 1_500, "all given back")
    left, moved = fleet.waiting("steps"), fleet.waiting("other")
    assert left
    assert set(left) | set(moved) == set(ids)
    # Killed between confirmation and taking away, one message is in both places.
    assert len(left) + len(moved) <= 1_501
    move_all(fleet.broker, "steps", to_queue="other")
    assert set(fleet.waiting("other")) == set(ids)


def test_only_what_was_shown_is_purged(fleet: AmqpFleet) -> None:
    ids = [fleet.send(number, priority=number % 2) for number in range(6)]
    preview = preview_purge(fleet.broker, "steps", first=2)
    assert (preview.total, preview.by_priority, preview.unacked) == (6, ((1, 3), (0, 3)), None)
    assert [message.task_id for message in preview.first] == [ids[1], ids[3]]
    since = [fleet.send(9, priority=5), fleet.send(10)]
    remove(fleet.broker, peek(fleet.broker, "steps", 1, offset=1))
    result = purge(fleet.broker, preview, database=fleet.database)
    assert (result.purged, result.gone, result.left) == (5, 1, 2)
    assert fleet.waiting() == since
    assert preview_purge(fleet.broker, "steps").total == 2


def test_two_workers_stop_and_go_on(fleet: AmqpFleet) -> None:
    both = ("one@test", "two@test")
    for name in ("one", "two"):
        fleet.start_worker(name=name, concurrency=1)
    result = pause(fleet.broker, fleet.mailbox, "steps", expected=both, database=fleet.database)
    assert (sorted(result.stopped), result.consuming, result.held) == (list(both), (), None)
    kept = [fleet.send(number) for number in range(3)]
    # Another operator sees it, and who wanted it.
    with closing(lever_broker(fleet.app)) as other:
        [seen] = pauses(other)
    assert (seen.queue, seen.who, len(seen.consumers)) == ("steps", result.pause.who, 2)
    third = fleet.start_worker(name="three", concurrency=1, options=("-Q", "other"))
    fleet.mailbox.ask("add_consumer", {"queue": "steps"}, destination=["three@test"])
    # A worker says that it takes from a queue before its broker has heard of it.
    [again] = eventually(
        lambda: enforce(fleet.broker, fleet.mailbox, expected=[*both, "three@test"]), "the third is told"
    )
    assert again.stopped == ("three@test",)
    fleet.stop_worker(third)
    eventually(lambda: fleet.broker.snapshot(["steps"]).queues[0].consumers == 0, "no consumer")
    resumed = resume(fleet.broker, fleet.mailbox, "steps", expected=both, database=fleet.database)
    assert (sorted(resumed.consuming), resumed.waiting) == (list(both), ())
    eventually(lambda: len(fleet.steps_run()) >= len(kept), f"the kept steps\n{fleet.log}")
    assert pauses(fleet.broker) == ()
    assert "earthgazer.paused" not in fleet.broker.queue_names()


def test_marks_of_two_operators_are_both_kept(fleet: AmqpFleet) -> None:
    one = fleet.broker
    assert one.swap_mark("a", b"", b"first")
    with closing(lever_broker(fleet.app)) as two:
        assert not two.swap_mark("a", b"", b"second")
        assert two.swap_mark("b", b"", b"other")
    assert one.marks() == {"a": b"first", "b": b"other"}
    assert one.swap_mark("a", b"first", b"")
    assert one.marks() == {"b": b"other"}


def test_a_quorum_queue_is_left_alone(fleet: AmqpFleet, rabbitmq: RabbitServer) -> None:
    fleet.management_url = rabbitmq.management_url
    declare(fleet, "safe", queue_arguments={"x-queue-type": "quorum"})
    eventually(lambda: "safe" in fleet.broker.management.look().queues, "the quorum queue")
    with pytest.raises(RefusedError, match="quorum"):
        peek(fleet.broker, "safe")


def test_what_is_no_task_is_shown_as_such(fleet: AmqpFleet) -> None:
    declare(fleet, "odd")
    with Connection(fleet.config.broker_url) as connection:
        producer = connection.Producer()
        producer.publish(b"\x80\x04N.", routing_key="odd", content_type="application/x-python-serialize",
                         content_encoding="binary")  # fmt: skip
        producer.publish("hello", routing_key="odd", content_type="text/plain", content_encoding="utf-8")
    pickled, text = peek(fleet.broker, "odd")
    assert (pickled.task_id, "not opened" in pickled.note) == ("", True)
    assert "text/plain" in text.note
    declare(fleet, "elsewhere")
    assert move_all(fleet.broker, "odd", to_queue="elsewhere").moved == 2
    with plain_channel(fleet.config.broker_url) as channel:
        channel.auto_decode = False
        assert [channel.basic_get("elsewhere", no_ack=True).body for _ in range(2)] == [
            b"\x80\x04N.",
            b"hello",
        ]


def test_a_broker_that_is_away_or_refuses_says_so() -> None:
    away = lever_broker(Celery("away", broker="amqp://guest:hunter2@127.0.0.1:1//", set_as_current=False))
    with pytest.raises(ServiceUnavailableError) as caught:
        peek(away, "steps")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ServiceUnavailableError):
        away.snapshot(["steps"])


def test_a_wrong_password_is_a_refusal(rabbitmq_url: str) -> None:
    url = rabbitmq_url.replace("guest:guest", "guest:hunter2")
    with closing(AmqpBroker(Celery("stranger", broker=url, set_as_current=False))) as broker:
        with pytest.raises(RefusedError) as caught:
            broker.snapshot(["steps"])
        assert "hunter2" not in str(caught.value)


def test_the_envelope_is_json(fleet: AmqpFleet) -> None:
    fleet.send(1)
    [message] = peek(fleet.broker, "steps")
    assert json.loads(message.raw)["headers"]["task"] == "steps.add"
    assert message.size_bytes == len(message.raw)
