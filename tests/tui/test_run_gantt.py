"""A run by time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_tui.fleet.models import RunDetail, RunStep
from earthgazer_tui.screens.run_detail import RunDetailScreen
from earthgazer_tui.widgets.run_gantt import RAN, WAITED, gantt_steps, scale_of
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, settle, shown
from tests.tui.scripted_fleet import ScriptedFleet

T0 = datetime(2026, 3, 1, 3, tzinfo=UTC)


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else T0 + timedelta(seconds=seconds)


def a_step(
    task_id: str, sent: float | None, start: float | None, end: float | None, **more: object
) -> RunStep:
    state = "SUCCESS" if end is not None else "STARTED" if start is not None else "PENDING"
    values = {"state": "FUTURE" if sent is None else state, "after": (), "depth": 0} | more
    return make.a_step(task_id, sent_at=at(sent), started_at=at(start), finished_at=at(end), **values)


def a_run(*steps: RunStep, end: float | None = 10) -> RunDetail:
    row = make.a_run(created_at=T0, finished_at=at(end), state="running" if end is None else "succeeded")
    return RunDetail(row, steps)


def bars(detail: RunDetail, cells: int, now: float) -> list[str]:
    moment = at(now)
    assert moment is not None
    return [row.bar.plain for row in gantt_steps(detail, cells, moment)]


def test_a_bar_shows_where_a_step_waited_and_ran() -> None:
    run = a_run(
        a_step("a", 0, 0, 2),
        a_step("b", 2, 5, 9),
        a_step("c", 9, 9, 10),
        a_step("d", None, None, None),
    )
    assert bars(run, 10, 10) == ["██", "  ░░░████", "         █", ""]


def test_a_run_in_work_ends_now() -> None:
    run = a_run(a_step("a", 0, 1, None), a_step("b", 3, None, None), end=None)
    assert bars(run, 10, 5) == ["░░███████▸", "      ░░░░"]


moments = st.tuples(st.floats(0, 100), st.floats(0, 100), st.floats(0, 100)).map(sorted)


@given(st.lists(moments, min_size=1, max_size=8), st.integers(1, 200))
def test_no_bar_is_wider_than_the_chart_or_empty(times: list[list[float]], cells: int) -> None:
    run = a_run(*(a_step(str(n), *each) for n, each in enumerate(times)), end=100)
    scale = scale_of(run, cells, T0 + timedelta(seconds=100))
    for bar, (_, start, end) in zip(bars(run, cells, 100), times, strict=True):
        assert 1 <= len(bar) <= cells
        ran = bar.count(RAN)
        assert bar.lstrip(" ") == WAITED * (len(bar.lstrip(" ")) - ran) + RAN * ran
        # A bar is at most a cell longer than its time at either end.
        assert abs(ran - (end - start) / scale.seconds * cells) <= 2


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_tab_goes_between_tree_and_chart_and_the_cursor_keeps_its_step(size: tuple[int, int]) -> None:
    fleet = ScriptedFleet()
    run = a_run(
        a_step("a", 0, 0, 2, name="t.first", is_critical=True),
        a_step("b", 2, 5, 9, name="t.second", is_critical=True),
        a_step("c", 9, 9, 10, name="t.third"),
    )
    fleet.run_rows, fleet.run_details = [run.row], {run.row.run_id: run}
    async with console(fleet, size=size) as pilot:
        await press(pilot, "4", "enter", "down", "tab")
        await settle(pilot)
        (line,) = lines_with(pilot, "second #7 ◆")
        assert "░" in line
        assert "█" in line
        assert "3.0s" in line
        assert "4.0s" in line
        assert "2 steps ran 6.0s of 10s" in shown(pilot)
        await press(pilot, "down", "tab")
        await settle(pilot)
        assert "░" not in shown(pilot)
        assert getattr(pilot.app.screen, "step").task_id == "c"  # noqa: B009 - the class is the console's own


async def test_a_key_right_behind_the_one_that_shows_the_chart_acts_on_the_same_step() -> None:
    fleet = ScriptedFleet()
    run = a_run(a_step("a", 0, 0, 2), a_step("b", 2, 5, 9), a_step("c", 9, 9, 10))
    fleet.run_rows, fleet.run_details = [run.row], {run.row.run_id: run}
    async with console(fleet) as pilot:
        await press(pilot, "4", "enter", "down")
        screen = pilot.app.screen
        assert isinstance(screen, RunDetailScreen)
        for _ in range(2):
            screen.action_next_view()
            assert screen.step is not None
            assert screen.step.task_id == "b"


async def test_a_failed_step_is_retried_from_its_run() -> None:
    fleet = ScriptedFleet()
    bad = a_step("bad", 0, 0, 2, name="t.bad", state="FAILURE", error="ValueError: no")
    run = a_run(a_step("a", 0, 0, 2), bad)
    fleet.run_rows, fleet.run_details = [run.row], {run.row.run_id: run}
    async with console(fleet) as pilot:
        await press(pilot, "4", "enter", "down", "R", "y")
        await settle(pilot)
        assert ("retry", ("bad",)) in fleet.calls
