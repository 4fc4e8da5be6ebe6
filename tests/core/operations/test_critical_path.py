"""The chain of steps that a run's duration hung on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from earthgazer_core.operations.critical_path import Timed, critical_path

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def step(task_id: str, after: str, start: float | None, end: float | None) -> Timed:
    return Timed(
        task_id,
        tuple(after),
        None if start is None else T0 + timedelta(seconds=start),
        None if end is None else T0 + timedelta(seconds=end),
    )


def test_a_chord_hangs_on_its_slowest_header() -> None:
    steps = [
        step("a", "", 0, 1),
        step("b", "a", 1, 9),
        step("c", "a", 1, 3),
        step("d", "bc", 9, 10),
    ]
    assert critical_path(steps) == ("a", "b", "d")


def test_what_still_runs_is_the_end_of_the_path() -> None:
    steps = [step("a", "", 0, 1), step("b", "a", 1, 50), step("c", "a", 2, None), step("d", "bc", None, None)]
    assert critical_path(steps) == ("a", "c")


def test_nothing_begun_has_no_path_and_a_broken_record_ends() -> None:
    assert critical_path([]) == ()
    assert critical_path([step("a", "", None, None)]) == ()
    assert set(critical_path([step("a", "b", 0, 1), step("b", "a", 1, 2)])) == {"a", "b"}


def test_a_task_that_replaced_itself_does_not_hide_what_was_before_it() -> None:
    """``plan`` fans out into ``b`` and ``c`` and ends under its own id once they have."""
    steps = [
        step("discover", "", 0, 3),
        Timed("plan", ("discover", "b", "c"), T0 + timedelta(seconds=9), T0 + timedelta(seconds=10)),
        Timed("b", ("plan",), T0 + timedelta(seconds=4), T0 + timedelta(seconds=9)),
        Timed("c", ("plan",), T0 + timedelta(seconds=4), T0 + timedelta(seconds=6)),
    ]
    assert critical_path(steps) == ("discover", "b", "plan")


@st.composite
def runs(draw: st.DrawFn) -> list[Timed]:
    """Steps that begin when the last of those they wait for has ended, after a wait of their own."""
    steps: list[Timed] = []
    ends: dict[str, float] = {}
    for place in range(draw(st.integers(1, 9))):
        task_id = chr(ord("a") + place)
        after = draw(st.lists(st.sampled_from(sorted(ends)), unique=True, max_size=3)) if ends else []
        ready = max((ends[earlier] for earlier in after), default=0.0)
        start = ready + draw(st.integers(0, 20))
        ends[task_id] = start + draw(st.integers(1, 20))
        steps.append(step(task_id, "".join(after), start, ends[task_id]))
    return steps


@given(runs())
def test_each_step_of_the_path_began_once_the_one_before_had_ended_and_no_other_ended_later(
    steps: list[Timed],
) -> None:
    by_id = {each.task_id: each for each in steps}
    path = [by_id[task_id] for task_id in critical_path(steps)]
    assert not path[0].after
    assert all(path[-1].finished_at >= each.finished_at for each in steps)  # type: ignore[operator]
    for before, following in pairwise(path):
        assert before.task_id in following.after
        others = [by_id[task_id].finished_at for task_id in following.after]
        assert before.finished_at == max(others)  # type: ignore[type-var]
        assert before.finished_at <= following.started_at  # type: ignore[operator]
