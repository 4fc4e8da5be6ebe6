"""Depths, names and what workers hold, wherever a transport keeps its lists."""

from __future__ import annotations

from contextlib import closing

import pytest

from earthgazer_core.operations.brokers import broker_of
from earthgazer_core.operations.queues.lever_broker import lever_broker
from earthgazer_core.operations.queues.marks import pauses
from earthgazer_core.operations.queues.pause import pause, resume
from tests.core.operations.tuned_fleet import LAYOUTS, TunedFleet
from tests.core.recorder.fleet import eventually

pytestmark = pytest.mark.fleet


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_depth_is_that_of_all_lists_by_priority(fleet: TunedFleet, options: dict[str, object]) -> None:
    fleet.configure(broker_transport_options=options)
    for priority in (0, 4, 9, 9):
        fleet.send(priority, priority=priority)
    fleet.send(1, queue="other", priority=9)
    with fleet.broker.opened() as layout:
        expected = ((0, 1), (layout.step_of(4), 1), (9, 2))
    with closing(broker_of(fleet.app)) as broker:
        assert {"steps", "other"} <= set(broker.queue_names())
        steps, other = broker.snapshot(["steps", "other"]).queues
    assert (steps.depth, steps.by_priority) == (4, expected)
    assert (other.depth, other.by_priority) == (1, ((0, 0), (9, 1)))


def test_what_workers_hold_and_pauses_are_found_in_a_layout_of_its_own(fleet: TunedFleet) -> None:
    fleet.configure(broker_transport_options=LAYOUTS["all of its own"])
    fleet.start_worker(concurrency=1)
    later = fleet.send(1, countdown=600, priority=5)
    fleet.holds(1)
    with closing(lever_broker(fleet.app)) as broker:
        [state] = broker.snapshot(["steps"]).queues
        assert (state.depth, state.unacked, state.eta) == (0, 1, 1)
        assert [one.task_id for one in broker.holding()] == [later]
        assert pause(broker, fleet.mailbox, "steps", expected=["one@test"]).stopped == ("one@test",)
        assert [one.queue for one in pauses(broker)] == ["steps"]
        fleet.send(2, priority=9)
        assert resume(broker, fleet.mailbox, "steps", expected=["one@test"]).consuming == ("one@test",)
    eventually(lambda: fleet.steps_run(), f"the step that waited\n{fleet.log}")
