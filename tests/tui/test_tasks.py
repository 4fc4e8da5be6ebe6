from __future__ import annotations

import pytest

from earthgazer_tui.fleet.errors import FilterError, RefusedError
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, settle, shown, until, until_shown
from tests.tui.scripted_fleet import ScriptedFleet


def a_stream() -> ScriptedFleet:
    fleet = ScriptedFleet()
    fleet.task_rows = [
        make.a_task("t-run", state="STARTED", runtime_s=None, capture_id=11, at=make.ago(seconds=1)),
        make.a_failure("t-bad", capture_id=12, at=make.ago(seconds=20)),
        make.a_task("t-done", name="earthgazer.io.download_bands", capture_id=None, at=make.ago(seconds=40)),
    ]
    fleet.task_details = {row.task_id: make.a_task_detail(row) for row in fleet.task_rows}
    return fleet


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_every_task_is_a_line_with_state_and_error(size: tuple[int, int]) -> None:
    async with console(a_stream(), size=size) as pilot:
        await press(pilot, "7")
        assert "▸ running" in lines_with(pilot, " 11 ")[0]
        failed = lines_with(pilot, "✗ failed")[0]
        for part in ("cpu.compute", "12", "1.2s", "BandNot"):
            assert part in failed, part
        assert "✓ done" in lines_with(pilot, "io.download")[0]
        assert "cpu1@field · queue cpu_queue · t-run" in shown(pilot)


async def test_a_new_task_comes_on_top_and_the_cursor_stays_with_its_own() -> None:
    fleet = a_stream()
    async with console(fleet) as pilot:
        await press(pilot, "7", "down")
        fleet.task_rows = [make.a_task("t-new", name="app.brand_new"), *fleet.task_rows]
        await press(pilot, "ctrl+r")
        await until_shown(pilot, "app.brand_new")
        assert "queue cpu_queue · ran 1.2s · t-bad" in shown(pilot)


async def test_enter_opens_the_task() -> None:
    async with console(a_stream()) as pilot:
        await press(pilot, "7", "down", "enter")
        await until_shown(pilot, "R retries in place")
        await press(pilot, "escape")
        await until_shown(pilot, "When (UTC)")


async def test_r_retries_the_failed_task_and_refuses_a_running_one() -> None:
    fleet = a_stream()
    async with console(fleet) as pilot:
        await press(pilot, "7", "R")
        await until_shown(pilot, "revoke first")
        await press(pilot, "down", "R", "y")
        await until_shown(pilot, "retry done")
        assert fleet.calls == [("retry", ("t-bad",))]


@pytest.mark.parametrize(("key", "terminate"), [("V", False), ("X", True)])
async def test_v_revokes_and_x_terminates_after_a_question(key: str, terminate: bool) -> None:
    fleet = a_stream()
    async with console(fleet) as pilot:
        await press(pilot, "7", key)
        await until_shown(pilot, "task?")
        assert fleet.calls == []
        await press(pilot, "y")
        assert fleet.calls == [("revoke", ("t-run",), terminate)]


async def test_the_filter_is_the_fleet_s_to_read() -> None:
    fleet = a_stream()
    async with console(fleet) as pilot:
        await press(pilot, "7", "slash")
        await pilot.press(*"download")
        await until(pilot, lambda: ("tasks", "download") in fleet.asked)
        await settle(pilot)
        assert lines_with(pilot, "io.download")
        assert not lines_with(pilot, "✗ failed")


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_a_filter_that_can_t_be_read_is_told_under_its_place_until_it_can(
    size: tuple[int, int],
) -> None:
    fleet = a_stream()
    reason = "a time span is expected: 30, 1.5s, 250ms, 2m, 1h or 3d"
    fleet.errors["tasks"] = FilterError(reason, "ndvi runtime:>x", 13)
    async with console(fleet, size=size) as pilot:
        await press(pilot, "7", "slash")
        await pilot.press(*"ndvi runtime:>x")
        await until_shown(pilot, reason)
        lines = shown(pilot).splitlines()
        place = next(i for i, line in enumerate(lines) if "ndvi runtime:>x" in line)
        assert lines[place + 1].index("^") == lines[place].index(">")
        del fleet.errors["tasks"]
        await pilot.press("backspace")
        await until(pilot, lambda: reason not in shown(pilot))


async def test_another_refusal_is_told_in_the_banner() -> None:
    fleet = a_stream()
    fleet.errors["tasks"] = RefusedError("too much to search in 5 s: narrow the filter")
    async with console(fleet) as pilot:
        await press(pilot, "7")
        await until_shown(pilot, "too much to search in 5 s")
