from __future__ import annotations

from dataclasses import replace

import pytest

from earthgazer_tui.fleet.errors import UnavailableError
from earthgazer_tui.fleet.models import ActionResult, Reply
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, settle, shown, until_shown
from tests.tui.scripted_fleet import ScriptedFleet


def some_runs() -> ScriptedFleet:
    fleet = ScriptedFleet()
    fleet.run_rows = [
        make.a_run("run-1", name="process_multiple", subject="2 captures", total=9, done=4, running=2),
        make.a_run(
            "run-0",
            state="succeeded",
            done=5,
            running=0,
            percent=100.0,
            created_at=make.ago(hours=2),
            finished_at=make.ago(hours=1),
        ),
    ]
    body = make.a_step(
        "s-5",
        name="earthgazer.cpu.temporal_analysis",
        state="FUTURE",
        joined=(1, 3),
        started_at=None,
        finished_at=None,
        capture_id=None,
    )
    bad = make.a_step("s-6", state="FAILURE", error="PermanentError: [/b] no CRS", capture_id=8)
    for row in fleet.run_rows:
        detail = make.a_run_detail(row)
        fleet.run_details[row.run_id] = replace(detail, steps=(*detail.steps, body, bad))
    fleet.task_details = {"s-6": make.a_task_detail(make.a_failure("s-6"))}
    return fleet


async def test_a_run_is_one_line_with_state_progress_and_steps() -> None:
    async with console(some_runs()) as pilot:
        await press(pilot, "4")
        (line,) = lines_with(pilot, "process_multiple")
        for part in ("▸ running", "2 captures", "48%", "4/9 ▸2"):
            assert part in line, part
        (line,) = lines_with(pilot, "✓ succeeded")
        assert "1h00m" in line


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_enter_shows_the_tree_with_steps_to_come(size: tuple[int, int]) -> None:
    async with console(some_runs(), size=size) as pilot:
        await press(pilot, "4", "enter")
        assert "✓ backup_capture #7" in shown(pilot)
        assert "└ ✓ download_bands #7" in shown(pilot)
        (line,) = lines_with(pilot, "▸ stack_and_crop #7")
        assert "40%" in line
        assert "windows" in line
        assert "to come" in lines_with(pilot, "· compute_ndvi #7")[0]
        assert "1 of 3" in lines_with(pilot, "temporal_analysis")[0]
        assert "PermanentError: [/" in lines_with(pilot, "✗ backup_capture #8")[0]


async def test_enter_on_a_step_opens_its_task() -> None:
    async with console(some_runs()) as pilot:
        await press(pilot, "4", "enter", "end", "enter")
        await until_shown(pilot, "Traceback (most recent call last)")
        await press(pilot, "escape")
        assert lines_with(pilot, "› ✗ backup_capture #8")


async def test_a_step_to_come_has_no_task_yet() -> None:
    async with console(some_runs()) as pilot:
        await press(pilot, "4", "enter", "end", "up")
        await pilot.press("enter")
        await until_shown(pilot, "yet to be published")


async def test_the_tree_is_live_and_keeps_its_cursor() -> None:
    fleet = some_runs()
    async with console(fleet) as pilot:
        await press(pilot, "4", "enter", "down", "down")
        detail = fleet.run_details["run-1"]
        steps = [replace(s, percent=90.0) if s.percent else s for s in detail.steps]
        fleet.run_details["run-1"] = replace(detail, steps=(make.a_step("s-0", capture_id=1), *steps))
        await until_shown(pilot, "90%")
        assert "90%" in lines_with(pilot, "›")[0]


async def test_cancel_asks_with_counts_and_tells_what_workers_answered() -> None:
    fleet = some_runs()
    fleet.results["cancel_run"] = ActionResult(
        False,
        "5 steps revoked.",
        (Reply("io1@field", True, "revoked"), Reply("cpu1@field", False, "no answer")),
    )
    async with console(fleet) as pilot:
        await press(pilot, "4", "C")
        await until_shown(pilot, "Cancel the run process_multiple: 5 steps of 9?")
        assert "2 steps running now will be ended." in shown(pilot)
        assert fleet.calls == []
        await press(pilot, "y")
        await until_shown(pilot, "✗ cpu1@field: no answer")
        assert fleet.calls == [("cancel_run", "run-1")]


async def test_a_no_cancels_nothing() -> None:
    fleet = some_runs()
    async with console(fleet) as pilot:
        await press(pilot, "4", "enter", "C")
        await until_shown(pilot, "Cancel the run")
        await press(pilot, "n")
        await settle(pilot)
        assert fleet.calls == []


async def test_marked_runs_are_cancelled_one_after_the_other() -> None:
    fleet = some_runs()
    fleet.run_rows[1] = make.a_run("run-2", name="full_pipeline")
    async with console(fleet) as pilot:
        await press(pilot, "4", "ctrl+a", "C", "y")
        await until_shown(pilot, "2 runs cancelled")
        assert fleet.calls == [("cancel_run", "run-1"), ("cancel_run", "run-2")]


async def test_a_run_that_has_ended_has_nothing_to_cancel() -> None:
    fleet = some_runs()
    async with console(fleet) as pilot:
        await press(pilot, "4", "end", "C")
        await until_shown(pilot, "every step has ended")
        assert fleet.calls == []


async def test_a_lost_database_is_told_and_the_tree_stays() -> None:
    fleet = some_runs()
    async with console(fleet) as pilot:
        await press(pilot, "4", "enter")
        fleet.errors["run"] = UnavailableError("database: connection refused")
        await until_shown(pilot, "connection refused")
        assert "✓ backup_capture #7" in shown(pilot)


async def test_without_runs_it_says_how_to_start_one() -> None:
    async with console(ScriptedFleet()) as pilot:
        await press(pilot, "4")
        assert "No workflow has run yet" in shown(pilot)
