"""Runs that go on where several tasks come at once: a chord's body or a chain's step that is a group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from celery import chain, chord, group

from earthgazer_core import recorder
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.cancel import cancel_run
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.resume import Resumer
from tests.core.operations.amqp_fleet import AmqpFleet
from tests.core.operations.test_resume import modes, until_resumable, until_run, until_running
from tests.core.recorder.fleet import ForeignFleet, eventually

pytestmark = pytest.mark.fleet

Shape = Callable[[ForeignFleet, Any, Any], Any]
"""Makes a canvas of a first part, and of what is to come out of the middle of several."""


def several(fleet: ForeignFleet, one: Any) -> Any:
    """Return a group of three, this one in its middle."""
    look = fleet.app.tasks["steps.look"]
    return group(look.si(1), one, look.si(3))


def body_is_a_group(fleet: ForeignFleet, first: Any, one: Any) -> Any:
    return chord([fleet.app.tasks["steps.add"].si(5), first], several(fleet, one))


def body_begins_with_a_group(fleet: ForeignFleet, first: Any, one: Any) -> Any:
    body = chain(several(fleet, one), fleet.app.tasks["steps.total"].s())
    return chord([fleet.app.tasks["steps.add"].si(5), first], body)


def body_ends_in_a_group(fleet: ForeignFleet, first: Any, one: Any) -> Any:
    body = chain(fleet.app.tasks["steps.look"].si(8), several(fleet, one))
    return chord([fleet.app.tasks["steps.add"].si(5), first], body)


def a_chain_ends_in_a_group(fleet: ForeignFleet, first: Any, one: Any) -> Any:
    return chain(first, several(fleet, one))


def a_group_is_in_a_chain(fleet: ForeignFleet, first: Any, one: Any) -> Any:
    return chain(first, several(fleet, one), fleet.app.tasks["steps.total"].s())


def two_groups_in_a_chain(fleet: ForeignFleet, first: Any, one: Any) -> Any:
    add = fleet.app.tasks["steps.add"]
    return chain(first, several(fleet, one), group(add.si(6), add.si(7)), fleet.app.tasks["steps.total"].s())


SHAPES: tuple[tuple[Shape, dict[str, int]], ...] = (
    (body_is_a_group, {"add 5 0": 1}),
    (body_begins_with_a_group, {"add 5 0": 1, "total 6": 1}),
    (body_ends_in_a_group, {"add 5 0": 1, "look 8": 1}),
    (a_chain_ends_in_a_group, {}),
    (a_group_is_in_a_chain, {"total 6": 1}),
    (two_groups_in_a_chain, {"add 6 0": 1, "add 7 0": 1, "total 13": 1}),
)
"""Shapes, and what runs in them beside the first part and the group."""


def shapes(*indices: int) -> pytest.MarkDecorator:
    """Return a parametrisation of a test by these shapes."""
    chosen = [SHAPES[index] for index in indices]
    return pytest.mark.parametrize(("shape", "beside"), chosen, ids=[shape.__name__ for shape, _ in chosen])


def until_begun(fleet: ForeignFleet, flag: str) -> None:
    eventually(lambda: fleet.journal()[f"wait {flag}"] == 1, flag)
    until_running(fleet, "steps.wait")


def nothing_is_left(fleet: ForeignFleet, resumer: Resumer, run_id: str) -> None:
    until_run(fleet, run_id, "succeeded")
    with pytest.raises(RefusedError, match="nothing of it is left"):
        resumer.resume(run_id)


@shapes(0, 1, 2, 3, 4, 5)
def test_what_fails_before_and_in_a_group_runs_again_alone(
    fleet: ForeignFleet, resumer: Resumer, shape: Shape, beside: dict[str, int]
) -> None:
    """First what comes before the group fails, then one of the group."""
    fleet.start_worker()
    needs = fleet.app.tasks["steps.needs"]
    with recorder.run_scope("several") as run_id:
        shape(fleet, needs.si(4, flag="before"), needs.si(2, flag="within")).apply_async()
    until_run(fleet, run_id, "failed")
    eventually(lambda: modes(resumer, run_id)["in place"] == 1, f"one: {resumer.plan(run_id)}")
    fleet.raise_flag("before")
    assert len(resumer.resume(run_id).sent) == 1
    eventually(lambda: fleet.journal()["needs 2"] == 1, "the group")
    until_run(fleet, run_id, "failed")
    eventually(lambda: modes(resumer, run_id)["in place"] == 1, f"one: {resumer.plan(run_id)}")
    fleet.raise_flag("within")
    assert len(resumer.resume(run_id).sent) == 1
    nothing_is_left(fleet, resumer, run_id)
    assert fleet.journal() == Counter({"needs 4": 2, "needs 2": 2, "look 1": 1, "look 3": 1, **beside})


@shapes(0, 1, 3, 5)
def test_a_run_that_was_cancelled_before_and_in_a_group_runs_each_once(
    fleet: ForeignFleet, resumer: Resumer, mailbox: Mailbox, shape: Shape, beside: dict[str, int]
) -> None:
    """First it is cancelled before the group, then, as a new run, when one of the group runs."""
    fleet.start_worker(concurrency=1)
    wait, add = fleet.app.tasks["steps.wait"], fleet.app.tasks["steps.add"]
    with recorder.run_scope("several") as run_id:
        # What is waited for ends well although it is cancelled: it doesn't run again.
        first, one = chain(wait.si("before"), add.si(4)), chain(wait.si("within"), add.si(2))
        shape(fleet, first, one).apply_async()
    again = run_id
    for flag in ("before", "within"):
        until_begun(fleet, flag)
        cancel_run(fleet.database, mailbox, again, expected=["one@test"])
        fleet.raise_flag(flag)
        until_resumable(fleet, resumer, again)
        again = resumer.resume(again).goes_on_as
    nothing_is_left(fleet, resumer, again)
    assert fleet.journal() == Counter(
        {"wait before": 1, "wait within": 1, "add 4 0": 1, "add 2 0": 1, "look 1": 1, "look 3": 1, **beside}
    )


def test_a_body_that_is_a_group_runs_again_on_rabbitmq(rabbit_fleet: AmqpFleet) -> None:
    """Its tasks were revoked by way of that broker, on two workers."""
    fleet = rabbit_fleet
    for name in ("one", "two"):
        fleet.start_worker(concurrency=1, name=name)
    resumer = Resumer(fleet.database, fleet.app)
    needs = fleet.app.tasks["steps.needs"]
    with recorder.run_scope("several") as run_id:
        body_is_a_group(fleet, needs.si(4, flag="before"), fleet.app.tasks["steps.look"].si(2)).delay()
    until_run(fleet, run_id, "failed")
    eventually(lambda: fleet.log.count("flagged as revoked") == 2, "both workers told")
    eventually(lambda: modes(resumer, run_id)["in place"] == 1, f"one: {resumer.plan(run_id)}")
    fleet.raise_flag("before")
    assert len(resumer.resume(run_id).sent) == 1
    nothing_is_left(fleet, resumer, run_id)
    assert fleet.journal() == Counter({"needs 4": 2, "add 5 0": 1, "look 1": 1, "look 2": 1, "look 3": 1})
