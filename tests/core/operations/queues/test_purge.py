"""A purge takes what was shown, and nothing else."""

from __future__ import annotations

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


def test_a_long_queue_is_purged_in_pages_around_what_came_back(fleet: TunedFleet) -> None:
    ids = fleet.flood(2_200)
    preview = preview_purge(fleet.broker, "steps")
    assert preview.total == 2_200
    with fleet.broker.opened() as layout:
        # Given back by a worker: it goes to the end where the next is taken from.
        back = layout.client.lindex("steps", 0).replace(ids[-1].encode(), b"given-back")
        layout.client.rpush("steps", back)
        layout.client.linsert("steps", "BEFORE", layout.client.lindex("steps", 700), back)
    steps: list[tuple[int, int]] = []
    result = purge(fleet.broker, preview, on_progress=lambda *progress: steps.append(progress))
    assert (result.purged, result.gone, result.left) == (2_200, 0, 2)
    assert fleet.waiting() == ["given-back", "given-back"]
    assert steps[-1] == (2_200, 2_200)
    assert len(steps) > 3


def test_an_empty_queue_and_none_at_all(fleet: TunedFleet) -> None:
    preview = preview_purge(fleet.broker, "steps")
    assert (preview.total, preview.first) == (0, ())
    assert purge(fleet.broker, preview).purged == 0
    with pytest.raises(NotFoundError, match="no queue ghosts"):
        preview_purge(fleet.broker, "ghosts")
