"""A purge takes what was shown, and nothing else."""

from __future__ import annotations

import json

import pytest

from earthgazer_core.errors import NotFoundError
from earthgazer_core.operations.queues.peek import peek
from earthgazer_core.operations.queues.purge import preview_purge, purge
from earthgazer_core.operations.queues.remove import remove
from tests.core.operations.tuned_fleet import LAYOUTS, TunedFleet

pytestmark = pytest.mark.fleet


@pytest.mark.parametrize("layout", ["kombu's own", "all of its own"])
def test_exactly_what_was_shown_goes_and_what_workers_hold_stays(fleet: TunedFleet, layout: str) -> None:
    fleet.configure(broker_transport_options=LAYOUTS[layout])
    fleet.start_worker(concurrency=1)
    later = fleet.send(0, countdown=600)
    fleet.holds(1)
    running = str(fleet.app.tasks["steps.wait"].delay("go").id)
    fleet.until(running, "PROGRESS")
    # Nothing more is taken: the only process is busy.
    ids = [fleet.send(number, priority=9) for number in range(2, 6)]
    urgent = fleet.send(7, priority=0)
    preview = preview_purge(fleet.broker, "steps", first=2)
    last_step = dict(preview.by_priority)[9]
    assert (preview.total, last_step, preview.unacked) == (5, 4, 2)
    assert [message.task_id for message in preview.first] == [urgent, ids[0]]
    since = [fleet.send(8, priority=9), fleet.send(9)]
    remove(fleet.broker, peek(fleet.broker, "steps", 1, offset=2))
    result = purge(fleet.broker, preview, database=fleet.database)
    assert (result.purged, result.gone, result.left, result.unacked) == (4, 1, 2, 2)
    assert "1 had gone before, 2 came since" in result.summary
    assert fleet.waiting() == [since[1], since[0]]
    assert fleet.states_of([urgent, ids[3]]) == {"REVOKED"}
    assert fleet.states_of([running, later]) <= {"PROGRESS", "RECEIVED", "STARTED"}
    assert fleet.actions() == [("queue.purge", "done")]
    again = purge(fleet.broker, preview)
    assert (again.purged, again.left) == (0, 2)
    fleet.raise_flag("go")
    fleet.until(running, "SUCCESS")


def given_back(raw: bytes, task_id: str) -> bytes:
    """Return a message as kombu gives it back to the end that the next is taken from."""
    message = json.loads(raw)
    message["headers"]["id"] = task_id
    message["headers"]["redelivered"] = message["properties"]["delivery_info"]["redelivered"] = True
    message["properties"]["delivery_tag"] = task_id
    return json.dumps(message).encode()


def test_a_long_queue_is_purged_in_pages_around_what_came_back(fleet: TunedFleet) -> None:
    fleet.flood(2_200)
    preview = preview_purge(fleet.broker, "steps")
    assert preview.total == 2_200
    with fleet.broker.opened() as layout:
        back = given_back(layout.client.lindex("steps", 0), "given-back")
        layout.client.rpush("steps", back)
        layout.client.linsert("steps", "BEFORE", layout.client.lindex("steps", 700), back)
    steps: list[tuple[int, int]] = []
    result = purge(fleet.broker, preview, on_progress=lambda *progress: steps.append(progress))
    assert (result.purged, result.gone, result.left, result.given_back) == (2_200, 0, 2, 2)
    assert result.summary == "steps: 2200 purged, 2 that workers gave back are left"
    assert fleet.waiting() == ["given-back", "given-back"]
    assert steps[-1] == (2_200, 2_200)
    assert len(steps) > 3


def test_of_a_long_queue_only_its_ends_are_read(fleet: TunedFleet) -> None:
    fleet.flood(5_000)
    with fleet.broker.opened() as layout:
        before = layout.client.info("stats")["total_net_output_bytes"]
        preview = preview_purge(fleet.broker, "steps")
        read = layout.client.info("stats")["total_net_output_bytes"] - before
        whole = layout.client.memory_usage("steps", samples=0)
    assert preview.total == 5_000
    assert len(preview.first) == 10
    assert read < whole / 5


def test_what_comes_into_a_long_queue_stays_while_workers_take_from_it(fleet: TunedFleet) -> None:
    fleet.flood(3_000)
    preview = preview_purge(fleet.broker, "steps")
    since = fleet.flood(1_200)
    held: list[bytes] = []

    def work(_: int, __: int) -> None:
        with fleet.broker.opened() as layout:
            held.extend(layout.client.rpop("steps", 40) or ())

    result = purge(fleet.broker, preview, on_progress=work)
    taken = [json.loads(raw)["headers"]["id"] for raw in held]
    assert result.purged + sum(task_id not in since for task_id in taken) == 3_000
    assert result.gone == 3_000 - result.purged
    assert sorted([*fleet.waiting(), *(task_id for task_id in taken if task_id in since)]) == sorted(since)


def test_a_long_queue_that_was_worked_off_loses_nothing_that_came_since(fleet: TunedFleet) -> None:
    fleet.flood(1_000)
    preview = preview_purge(fleet.broker, "steps")
    with fleet.broker.opened() as layout:
        layout.client.delete("steps")
    since = fleet.flood(600)
    result = purge(fleet.broker, preview)
    assert (result.purged, result.gone, result.left) == (0, 1_000, 600)
    assert sorted(fleet.waiting()) == sorted(since)


def test_much_that_workers_gave_back_before_is_shown_and_goes(fleet: TunedFleet) -> None:
    fleet.flood(2_000)
    with fleet.broker.opened() as layout:
        model = layout.client.lindex("steps", 0)
        layout.client.rpush("steps", *(given_back(model, f"before-{number}") for number in range(1_300)))
    preview = preview_purge(fleet.broker, "steps")
    with fleet.broker.opened() as layout:
        layout.client.rpush("steps", given_back(model, "since"))
    result = purge(fleet.broker, preview)
    assert (result.purged, result.left, result.given_back) == (3_300, 1, 1)
    assert fleet.waiting() == ["since"]
    assert purge(fleet.broker, preview_purge(fleet.broker, "steps")).purged == 1


def test_the_newest_may_be_deleted_between_preview_and_purge(fleet: TunedFleet) -> None:
    fleet.flood(1_000)
    preview = preview_purge(fleet.broker, "steps")
    with fleet.broker.opened() as layout:
        layout.client.ltrim("steps", 30, -1)
    since = fleet.flood(300)
    result = purge(fleet.broker, preview)
    assert (result.purged, result.gone, result.left) == (970, 30, 300)
    assert sorted(fleet.waiting()) == sorted(since)


def test_an_empty_queue_and_none_at_all(fleet: TunedFleet) -> None:
    preview = preview_purge(fleet.broker, "steps")
    assert (preview.total, preview.first) == (0, ())
    assert purge(fleet.broker, preview).purged == 0
    with pytest.raises(NotFoundError, match="no queue ghosts"):
        preview_purge(fleet.broker, "ghosts")
