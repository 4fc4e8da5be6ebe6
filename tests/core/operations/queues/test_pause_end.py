"""A pause that ends is not enforced any more on those who have gone on."""

from __future__ import annotations

import pytest

from earthgazer_core.operations.queues.marks import mark_again, pause_of
from earthgazer_core.operations.queues.pause import enforce, pause, resume
from tests.core.operations.tuned_fleet import TunedFleet
from tests.core.recorder.fleet import eventually

pytestmark = pytest.mark.fleet

BOTH = ("one@test", "two@test")


def test_workers_that_have_gone_on_are_left_alone_while_another_is_awaited(fleet: TunedFleet) -> None:
    fleet.start_worker(name="one", concurrency=1)
    dead = fleet.start_worker(name="two", concurrency=1)
    pause(fleet.broker, fleet.mailbox, "steps", expected=BOTH)
    fleet.kill_worker(dead)
    assert resume(fleet.broker, fleet.mailbox, "steps", timeout_s=0.5).waiting == ("two@test",)
    kept = pause_of(fleet.broker, "steps")
    assert kept is not None
    assert (kept.is_ending, [one.worker for one in kept.consumers]) == (True, ["two@test"])
    assert enforce(fleet.broker, fleet.mailbox, expected=["one@test"], timeout_s=0.5) == ()
    assert mark_again(fleet.broker, "steps", kept.consumers) is None
    fleet.send(1)
    eventually(lambda: fleet.steps_run() == ["add 1 0"], "the step")
    # A new pause is one again.
    again = pause(fleet.broker, fleet.mailbox, "steps", expected=["one@test"], timeout_s=0.5)
    assert (again.stopped, again.pause.is_ending) == (("one@test",), False)
