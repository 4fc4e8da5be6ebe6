from __future__ import annotations

from dataclasses import replace

import pytest

from earthgazer_tui.fleet.errors import UnavailableError
from earthgazer_tui.fleet.models import StageState
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, settle, shown, until, until_shown
from tests.tui.scripted_fleet import ScriptedFleet


def some_captures() -> ScriptedFleet:
    fleet = ScriptedFleet()
    fleet.freshness_rows = [
        make.a_freshness(
            1, name="Tagus delta", status="overdue", is_overdue=True, reason="pass of 11-17 not discovered"
        ),
        make.a_freshness(2, name="Évora"),
    ]
    fleet.capture_rows = [
        make.a_capture(9, locations=("Évora",), ndvi_mean=0.612, valid_percent=97.3),
        make.a_capture(8, locations=("Tagus delta",), mission="LANDSAT_8", sensing_time=make.ago(days=2)),
        make.a_capture(7, locations=("Doñana",), sensing_time=make.ago(days=3)),
    ]
    fleet.capture_details = {row.capture_id: make.a_capture_detail(row) for row in fleet.capture_rows}
    return fleet


async def test_freshness_says_what_is_overdue_and_why() -> None:
    async with console(some_captures()) as pilot:
        await press(pilot, "2")
        (line,) = lines_with(pilot, "pass of 11-17 not discovered")
        assert "! Tagus delta" in line
        assert "overdue" in line


async def test_calm_locations_are_folded_where_lines_are_few() -> None:
    fleet = some_captures()
    fleet.freshness_rows = [make.a_freshness(i, name=f"field {i}") for i in range(20)]
    fleet.freshness_rows.append(make.a_freshness(99, name="late one", status="failed"))
    async with console(fleet) as pilot:
        await press(pilot, "2")
        assert "late one" in shown(pilot)
        assert "and 18 more locations: 18 ok" in shown(pilot)
        assert "▸" not in lines_with(pilot, "late one")[0]


async def test_a_capture_is_one_line_with_its_stages_and_statistics() -> None:
    async with console(some_captures()) as pilot:
        await press(pilot, "2")
        (line,) = [line for line in lines_with(pilot, "S2A") if "Évora" in line]
        for part in ("11-20 12:00", "12%", "D✓B✓L✓S✓N✓R✓", "0.612", "97%"):
            assert part in line, part
        assert "L8" in lines_with(pilot, "Tagus delta")[1]


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_the_list_fits_its_terminal(size: tuple[int, int]) -> None:
    async with console(some_captures(), size=size) as pilot:
        await press(pilot, "2")
        lines = shown(pilot).splitlines()
        assert len(lines) == size[1]
        assert all(len(line) == size[0] for line in lines)
        assert "Now / outcome" in shown(pilot)


async def test_progress_is_live_and_the_cursor_stays_on_its_capture() -> None:
    fleet = some_captures()
    async with console(fleet) as pilot:
        await press(pilot, "2", "down")
        stages = tuple(StageState(stage, "running", 40.0) for stage in make.STAGES)
        newer = make.a_capture(10, locations=("Newest",))
        fleet.capture_rows = [newer, replace(fleet.capture_rows[0], stages=stages, activity="stacking 40 %")]
        fleet.capture_rows += some_captures().capture_rows[1:]
        await until_shown(pilot, "stacking 40 %")
        assert "S▸" in lines_with(pilot, "stacking 40 %")[0]
        assert lines_with(pilot, "› Tagus delta")


async def test_words_filter_the_list() -> None:
    async with console(some_captures()) as pilot:
        await press(pilot, "2", "slash", *"doñana", "enter")
        await until(pilot, lambda: "0.612" not in "".join(lines_with(pilot, "Évora ")), "the others are gone")
        assert lines_with(pilot, "Doñana")


async def test_enter_opens_the_capture_and_escape_comes_back() -> None:
    async with console(some_captures()) as pilot:
        await press(pilot, "2", "down", "enter")
        await until_shown(pilot, "Capture 8")
        await press(pilot, "escape")
        assert "Freshness" not in shown(pilot)
        assert lines_with(pilot, "› Tagus delta")


async def test_p_processes_the_capture_under_the_cursor() -> None:
    fleet = some_captures()
    async with console(fleet) as pilot:
        await press(pilot, "2", "down", "P")
        await until_shown(pilot, "process done")
        assert fleet.calls == [("process", (8,), False)]


async def test_p_on_marked_captures_asks_with_each_of_them() -> None:
    fleet = some_captures()
    async with console(fleet) as pilot:
        await press(pilot, "2", "space", "space", "P")
        await until_shown(pilot, "Process 2 captures?")
        assert lines_with(pilot, "#9 S2A 2026-11-20 12:00 Évora")
        assert lines_with(pilot, "#8 L8 2026-11-19 12:00 Tagus delta")
        assert fleet.calls == []
        await press(pilot, "y")
        assert fleet.calls == [("process", (9, 8), False)]


async def test_a_no_processes_nothing() -> None:
    fleet = some_captures()
    async with console(fleet) as pilot:
        await press(pilot, "2", "ctrl+a", "P", "n")
        await settle(pilot)
        assert fleet.calls == []


async def test_r_makes_everything_anew_but_asks_even_for_one() -> None:
    fleet = some_captures()
    async with console(fleet) as pilot:
        await press(pilot, "2", "R")
        await until_shown(pilot, "Reprocess 1 capture from the start?")
        assert fleet.calls == []
        await press(pilot, "y")
        assert fleet.calls == [("process", (9,), True)]


async def test_d_searches_for_all_locations_whatever_is_chosen() -> None:
    fleet = some_captures()
    async with console(fleet) as pilot:
        await press(pilot, "2", "space", "D")
        await until_shown(pilot, "discover done")
        assert fleet.calls == [("discover", None)]


async def test_a_lost_database_is_told_and_the_last_list_stays() -> None:
    fleet = some_captures()
    async with console(fleet) as pilot:
        await press(pilot, "2")
        fleet.errors["captures"] = UnavailableError("database: connection refused")
        await until_shown(pilot, "connection refused")
        assert lines_with(pilot, "0.612")
        del fleet.errors["captures"]
        await until(pilot, lambda: "connection refused" not in shown(pilot), "the trouble is over")


async def test_an_empty_list_says_what_to_press() -> None:
    async with console(ScriptedFleet()) as pilot:
        await press(pilot, "2")
        assert "D searches the catalogue" in shown(pilot)
        assert "no active location" in shown(pilot)


async def test_foreign_words_are_shown_as_they_are() -> None:
    fleet = some_captures()
    hostile = "[/b][@click=bell]x"
    fleet.capture_rows = [make.a_capture(1, locations=(hostile,), activity="[red]oops[/]")]
    fleet.freshness_rows = [make.a_freshness(name="[blink]", reason="[/] $error [1]")]
    async with console(fleet, size=(160, 24)) as pilot:
        await press(pilot, "2")
        assert hostile in shown(pilot)
        assert "[red]oops[/]" in shown(pilot)
        assert "[/] $error [1]" in shown(pilot)


async def test_no_clear_pixels_is_an_outcome_in_the_list() -> None:
    fleet = some_captures()
    fleet.capture_rows = [make.a_capture(3, outcome="no_clear_pixels", ndvi_mean=None, valid_percent=0.0)]
    async with console(fleet) as pilot:
        await press(pilot, "2")
        (line,) = lines_with(pilot, "no clear pixel")
        assert "0%" in line
        assert "failed" not in line
