"""Messages go to another place, each once, whatever happens to who moves them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from earthgazer_core.errors import InvalidInputError, NotFoundError, RefusedError
from earthgazer_core.operations.queues.move import move, move_all
from earthgazer_core.operations.queues.peek import peek
from tests.core.operations.tuned_fleet import LAYOUTS, TunedFleet
from tests.core.recorder.fleet import ROOT, eventually

pytestmark = pytest.mark.fleet


@pytest.mark.parametrize("layout", ["kombu's own", "all of its own"])
def test_a_worker_of_the_target_runs_what_was_moved(fleet: TunedFleet, layout: str) -> None:
    fleet.configure(broker_transport_options=LAYOUTS[layout])
    for number, priority in enumerate((9, 0, 3, 6)):
        fleet.send(number, priority=priority)
    later = fleet.send(50, countdown=600)
    order = fleet.waiting()
    result = move_all(fleet.broker, "steps", to_queue="other", also=["other"], database=fleet.database)
    assert (result.moved, result.gone, result.unreadable) == (5, 0, 0)
    assert (fleet.waiting("steps"), fleet.waiting("other")) == ([], order)
    worker = fleet.start_worker(concurrency=1, options=("-Q", "other"))
    eventually(lambda: len(fleet.steps_run()) == 4, "the moved steps")
    fleet.holds(1)
    # What a worker gives back goes where it came from now.
    fleet.stop_worker(worker)
    assert (fleet.waiting("other"), fleet.waiting("steps")) == ([later], [])
    assert fleet.actions() == [("queue.move", "done")]


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_message_gets_another_priority(fleet: TunedFleet, options: dict[str, object]) -> None:
    fleet.configure(broker_transport_options=options)
    ids = [fleet.send(number, priority=9) for number in range(4)]
    urgent = [message for message in peek(fleet.broker, "steps") if message.task_id in (ids[2], ids[3])]
    result = move(fleet.broker, urgent, to_priority=0)
    assert (result.moved, result.to_queue, result.to_priority) == (2, "steps", 0)
    shown = peek(fleet.broker, "steps")
    assert [message.task_id for message in shown] == [ids[2], ids[3], ids[0], ids[1]]
    assert json.loads(shown[0].raw)["properties"]["priority"] == 0
    # It is there already.
    assert move_all(fleet.broker, "steps", to_priority=0, from_priority=0).moved == 0
    assert move_all(fleet.broker, "steps", to_priority=0).moved == 2
    assert fleet.waiting() == [ids[2], ids[3], ids[0], ids[1]]


def test_only_what_is_still_there_is_moved(fleet: TunedFleet) -> None:
    ids = [fleet.send(number) for number in range(3)]
    fleet.send(9, queue="other")
    shown = peek(fleet.broker, "steps")
    with fleet.broker.opened() as layout:
        layout.client.rpop("steps")
    result = move(fleet.broker, shown, to_queue="other")
    assert (result.moved, result.gone) == (2, 1)
    assert "1 had gone before" in result.summary
    assert fleet.waiting("other")[1:] == ids[1:]
    with pytest.raises(NotFoundError, match="no longer in steps"):
        move(fleet.broker, shown, to_queue="other", database=fleet.database)
    assert fleet.actions() == [("queue.move", "refused")]
    assert len(fleet.waiting("other")) == 3


def test_what_cannot_be_read_stays(fleet: TunedFleet) -> None:
    ids = fleet.flood(150)
    fleet.send(9, queue="other")
    with fleet.broker.opened() as layout:
        layout.client.rpush("steps", b"\xff no message")
    result = move_all(fleet.broker, "steps", to_queue="other")
    assert (result.moved, result.unreadable) == (150, 1)
    assert fleet.waiting("other")[1:] == ids
    with fleet.broker.opened() as layout:
        assert layout.client.lrange("steps", 0, -1) == [b"\xff no message"]


def test_nowhere_to_go_is_said_and_nothing_is_lost(fleet: TunedFleet) -> None:
    ids = [fleet.send(1)]
    with pytest.raises(NotFoundError, match="no queue nowhere"):
        move_all(fleet.broker, "steps", to_queue="nowhere")
    with pytest.raises(NotFoundError, match="no queue nowhere"):
        move_all(fleet.broker, "nowhere", to_queue="steps")
    with pytest.raises(InvalidInputError, match="nowhere to go"):
        move_all(fleet.broker, "steps", to_queue="steps")
    with pytest.raises(InvalidInputError, match="priority 12"):
        move_all(fleet.broker, "steps", to_priority=12)
    with fleet.broker.opened() as layout:
        layout.client.set("odd", "not a list")
    with pytest.raises(RefusedError, match="holds a string"):
        move_all(fleet.broker, "steps", to_queue="odd", also=["odd"])
    assert fleet.waiting() == ids


def test_a_full_broker_refuses_and_loses_nothing(fleet: TunedFleet) -> None:
    ids = fleet.flood(300)
    fleet.send(9, queue="other")
    with fleet.broker.opened() as layout:
        layout.client.config_set("maxmemory", 1)
    try:
        with pytest.raises(RefusedError, match="maxmemory"):
            move_all(fleet.broker, "steps", to_queue="other")
    finally:
        with fleet.broker.opened() as layout:
            layout.client.config_set("maxmemory", 0)
    assert fleet.waiting() == ids


def test_a_mover_that_is_killed_loses_and_doubles_nothing(fleet: TunedFleet) -> None:
    fleet.configure(broker_transport_options={"global_keyprefix": "site:"})
    ids = [*fleet.flood(8_000), *fleet.flood(4_000, step=6)]
    fleet.send(9, queue="other")
    here = fleet.waiting("other")

    def size() -> int:
        return fleet.broker.snapshot(["other"]).queues[0].depth

    kills = 0
    for threshold in (100, 3_000, 9_000):
        mover = subprocess.Popen(
            [sys.executable, "-m", "tests.core.operations.queues.mover", "steps", "other"],
            cwd=ROOT,
            env=fleet.environment(),
        )
        eventually(lambda mark=threshold: size() > mark, "some moved")  # type: ignore[misc]
        mover.kill()
        kills += mover.wait() != 0
        # Whatever it had moved by then, the rest is where it was.
        assert sorted(fleet.waiting("steps") + fleet.waiting("other")) == sorted([*ids, *here])
    assert kills > 0
    move_all(fleet.broker, "steps", to_queue="other")
    assert fleet.waiting("steps") == []
    assert fleet.waiting("other") == [*here, *ids]
