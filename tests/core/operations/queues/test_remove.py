"""One message is taken out: that one, once, and for good."""

from __future__ import annotations

import pytest
from celery import Celery

from earthgazer_core.errors import NotFoundError, ServiceUnavailableError
from earthgazer_core.operations.queues.broker import QueueBroker
from earthgazer_core.operations.queues.peek import find, peek
from earthgazer_core.operations.queues.remove import remove
from tests.core.operations.tuned_fleet import LAYOUTS, TunedFleet
from tests.core.recorder.fleet import eventually

pytestmark = pytest.mark.fleet


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_exactly_the_message_shown_is_removed(fleet: TunedFleet, options: dict[str, object]) -> None:
    fleet.configure(broker_transport_options=options)
    ids = [fleet.send(number, priority=6) for number in range(3)]
    [message] = find(fleet.broker, "steps", ids[1])
    result = remove(fleet.broker, [message], database=fleet.database)
    assert ([one.task_id for one in result.removed], result.gone) == ([ids[1]], ())
    assert fleet.waiting() == [ids[0], ids[2]]
    # Or the reconciler would bring it back.
    assert fleet.states_of([ids[1]]) == {"REVOKED"}
    with pytest.raises(NotFoundError, match=f"{ids[1]} is no longer in steps"):
        remove(fleet.broker, [message], database=fleet.database)
    assert fleet.actions() == [("queue.remove", "done"), ("queue.remove", "refused")]
    assert fleet.waiting() == [ids[0], ids[2]]


def test_of_a_task_that_was_published_twice_one_message_goes(fleet: TunedFleet) -> None:
    first = fleet.send(1, task_id="twice")
    fleet.send(1, task_id="twice")
    messages = find(fleet.broker, "steps", first)
    assert len(messages) == 2
    assert find(fleet.broker, "steps", messages[1].delivery_tag) == (messages[1],)
    remove(fleet.broker, [messages[1]])
    assert peek(fleet.broker, "steps") == (messages[0],)


def test_what_a_worker_took_is_told_apart(fleet: TunedFleet) -> None:
    taken, waits = fleet.send(1, countdown=300), fleet.send(2)
    shown = peek(fleet.broker, "steps")
    fleet.start_worker(concurrency=1)
    eventually(lambda: fleet.steps_run() == ["add 2 0"], "the second")
    third = fleet.send(3, queue="idle")
    result = remove(fleet.broker, [*shown, *peek(fleet.broker, "idle")])
    assert [message.task_id for message in result.gone] == [taken, waits]
    assert [message.task_id for message in result.removed] == [third]
    assert "2 had gone before" in result.summary
    assert fleet.broker.snapshot(["steps"]).unacked == 1


def test_a_broker_that_is_away_is_said_to_be(fleet: TunedFleet) -> None:
    fleet.send(1)
    shown = peek(fleet.broker, "steps")
    away = QueueBroker(Celery("away", broker="redis+socket:///tmp/eg-no-such-socket", set_as_current=False))
    with pytest.raises(ServiceUnavailableError, match="broker unavailable"):
        remove(away, shown)
    away.close()
