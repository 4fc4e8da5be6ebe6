"""What waits is shown as it will run, and opened only where that is safe."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from pathlib import Path

import pytest
from kombu.compression import compress

from earthgazer_core.errors import NotFoundError
from earthgazer_core.operations.queues.peek import find, held, peek
from tests.core.operations.tuned_fleet import LAYOUTS, TunedFleet
from tests.core.recorder.fleet import eventually

pytestmark = pytest.mark.fleet


class Trap:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._path),)


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_messages_run_in_the_order_that_was_shown(fleet: TunedFleet, options: dict[str, object]) -> None:
    fleet.configure(broker_transport_options=options)
    priorities = (9, 0, 3, 6, 0, 9, 4, 6, 3, 0, 1, 8)
    for number, priority in enumerate(priorities):
        fleet.send(number, priority=priority)
    shown = peek(fleet.broker, "steps")
    assert [message.position for message in shown] == list(range(len(priorities)))
    assert [message.task_id for message in shown] == fleet.waiting()
    assert peek(fleet.broker, "steps", 4, offset=5) == shown[5:9]
    [last] = find(fleet.broker, "steps", shown[-1].task_id)
    assert last == shown[-1]
    fleet.start_worker(concurrency=1)
    eventually(lambda: len(fleet.steps_run()) == len(priorities), "all steps")
    assert fleet.steps_run() == [f"add {json.loads(message.args)[0]} 0" for message in shown]


def test_a_message_is_shown_whole(fleet: TunedFleet) -> None:
    add, total = fleet.app.tasks["steps.add"], fleet.app.tasks["steps.total"]
    (add.si(1, y=2) | add.si(3) | total.si(["x" * 3_000])).apply_async(priority=4, countdown=600)
    [message] = peek(fleet.broker, "steps")
    assert (message.name, message.queue, message.priority) == ("steps.add", "steps", 3)
    assert (message.args, message.kwargs, message.arguments_from) == ("[1]", '{"y": 2}', "message")
    assert message.follows == ("steps.add", "steps.total")
    assert message.eta is not None
    assert message.note == ""
    assert (message.delivery_tag, message.size_bytes > 3_000) != ("", False)


def test_a_pickled_body_is_never_opened(fleet: TunedFleet, tmp_path: Path) -> None:
    trap = tmp_path / "opened"
    fleet.app.send_task("steps.add", (Trap(trap),), queue="steps", serializer="pickle", argsrepr="(a trap,)")
    [message] = peek(fleet.broker, "steps")
    assert not trap.exists()
    assert (message.args, message.arguments_from) == ("(a trap,)", "repr")
    assert "not opened" in message.note


def test_secrets_stay_hidden(fleet: TunedFleet) -> None:
    login = fleet.app.tasks["steps.login"]
    login.apply_async(("ann", "hunter22"))
    login.apply_async(("ann",), {"password": "hunter22", "options": {"api_token": "tok-123"}})
    fleet.app.send_task("steps.add", (77_123,), queue="steps", argsrepr="(hidden by the author,)")
    fleet.app.send_task(
        "steps.login", ("ann",), {"password": "hunter22"}, queue="steps", serializer="pickle",
    )  # fmt: skip
    shown = peek(fleet.broker, "steps")
    assert len(shown) == 4
    for message in shown:
        text = f"{message.args} {message.kwargs} {dict(message.headers)}{message!r}"
        assert "hunter22" not in text
        assert "tok-123" not in text
        assert "77123" not in text
    assert shown[2].args == "(hidden by the author,)"


def test_what_is_no_message_is_shown_and_harms_nothing(fleet: TunedFleet) -> None:
    good = fleet.send(1)
    with fleet.broker.opened() as layout:
        model = json.loads(layout.client.lindex("steps", 0))
        deep = "[" * 100_000
        zipped = {**model, "headers": {**model["headers"], "compression": "application/x-gzip"}}
        body, _ = compress(b'[[1], {}, {"chain": null}]', "gzip")
        zipped["body"] = b64encode(body).decode()
        first = {"task": "old.style", "id": "v1", "args": [1], "kwargs": {}}
        for raw in (
            b"\xff\x00 not json", b"[]", b'{"headers": 5}', deep.encode(),
            json.dumps({**model, "body": "%%%"}).encode(),
            json.dumps(zipped).encode(),
            json.dumps(
                {"content-type": "application/json", "properties": {}, "body": json.dumps(first)}
            ).encode(),
        ):  # fmt: skip
            layout.client.lpush("steps", raw)
    shown = peek(fleet.broker, "steps")
    assert len(shown) == 8
    assert shown[0].task_id == good
    assert [message.note for message in shown[1:3]] == ["not a message of Celery's"] * 2
    assert shown[4].note == "not a message of Celery's"
    assert shown[5].note
    assert (shown[6].args, shown[6].arguments_from) == ("[1]", "message")
    assert (shown[7].task_id, shown[7].name, shown[7].args) == ("v1", "old.style", "[1]")


def test_a_queue_that_is_not_there_is_said_so(fleet: TunedFleet) -> None:
    assert peek(fleet.broker, "steps") == ()
    with pytest.raises(NotFoundError, match="no queue ghosts"):
        peek(fleet.broker, "ghosts")
    with pytest.raises(NotFoundError, match="no queue ghosts"):
        held(fleet.broker, "ghosts")


def test_what_workers_hold_is_told_with_the_time_of_its_return(fleet: TunedFleet) -> None:
    fleet.configure(broker_transport_options={"visibility_timeout": 600})
    fleet.start_worker(concurrency=1)
    near, far = fleet.send(1, countdown=100), fleet.send(2, countdown=5_000)
    fleet.holds(2)
    by_id = {message.task_id: message for message in held(fleet.broker, "steps")}
    assert (by_id[near].is_eta_too_far, by_id[far].is_eta_too_far) == (False, True)
    assert 500 < (by_id[near].redelivered_in_s or 0) <= 600
