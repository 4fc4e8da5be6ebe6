from __future__ import annotations

import pytest
from textual.widgets import Static

from earthgazer_core.operations.filter import FIELDS
from earthgazer_tui.commands.common import MODES
from earthgazer_tui.fleet.live.captures import _FIELDS as CAPTURE_FIELDS
from earthgazer_tui.screens.filter_help import CAPTURES, TASKS, FilterHelp
from tests.tui import builders as make
from tests.tui.console import console, press, settle, shown, until, until_shown
from tests.tui.dev_console import busy_fleet
from tests.tui.scripted_fleet import ScriptedFleet


def fields(help_: FilterHelp) -> set[str]:
    return {typed.removesuffix(":") for typed, _ in help_ if typed.endswith(":")}


def test_the_help_of_filters_names_exactly_the_fields_there_are() -> None:
    assert fields(TASKS) == set(FIELDS)
    assert fields(CAPTURES) == set(CAPTURE_FIELDS)


async def test_help_fits_80_columns_and_every_table_can_be_sorted() -> None:
    async with console(busy_fleet()) as pilot:
        for command in MODES:
            await press(pilot, command.key, "question_mark")
            text = pilot.app.screen.query_one("#keys Static", Static)
            assert text.size.width <= 72
            assert max(len(line.rstrip()) for line in str(text.content).splitlines()) <= text.size.width
            await press(pilot, "escape", "s")
            await until_shown(pilot, "as given")
            await press(pilot, "escape")


async def test_help_is_grouped_and_tells_the_filter_and_the_file_of_keys(
    fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARTHGAZER_CONFIG", "/etc/egz")
    async with console(fleet, size=(100, 200)) as pilot:
        await press(pilot, "5", "question_mark")
        text = shown(pilot)
        for title in ("Failed", "Changes the world", "Rows", "Filter", "Everywhere", "In the command line"):
            assert f"  {title} " in text
        assert "runtime:" in text
        assert ":sort" in text
        assert "/etc/egz/keys.toml" in " ".join(text.split())
        assert "^space" in text


async def test_the_help_of_a_read_only_console_says_what_is_removed(fleet: ScriptedFleet) -> None:
    async with console(fleet, size=(100, 200), is_read_only=True) as pilot:
        await press(pilot, "5", "question_mark")
        text = shown(pilot)
        assert "Changes the world" not in text
        assert "Retry" not in text
        assert "Read-only: " in text
        assert "that would change" in text


async def test_help_of_rows_tells_of_marks_only_where_rows_can_be_marked(fleet: ScriptedFleet) -> None:
    async with console(fleet, size=(100, 200)) as pilot:
        await press(pilot, "1", "question_mark")
        assert "Mark or unmark" not in shown(pilot)


async def test_a_frozen_view_stands_still_and_tells_since_when(fleet: ScriptedFleet) -> None:
    fleet.failed_rows = [make.a_failure("t-1")]
    async with console(fleet) as pilot:
        await press(pilot, "5", "p")
        await until_shown(pilot, "FROZEN <10s")
        fleet.asked.clear()
        fleet.failed_rows = []
        await press(pilot, "ctrl+r")
        await until_shown(pilot, "The view is frozen; p lets it go on.")
        assert fleet.asked == []
        await press(pilot, "p")
        await until_shown(pilot, "Nothing has failed.")


async def test_what_is_opened_while_the_view_is_frozen_is_looked_at_once(fleet: ScriptedFleet) -> None:
    row = make.a_failure("t-1")
    fleet.failed_rows = [row]
    fleet.task_details = {"t-1": make.a_task_detail(row)}
    async with console(fleet) as pilot:
        await press(pilot, "5", "p", "enter")
        await until_shown(pilot, "Traceback")
        await settle(pilot)
        fleet.asked.clear()
        await press(pilot, "ctrl+r")
        assert ("task", "t-1") not in fleet.asked
        await press(pilot, "p")
        await until(pilot, lambda: ("task", "t-1") in fleet.asked)


async def test_the_sort_dialog_sorts_and_turns_round(fleet: ScriptedFleet) -> None:
    async with console(busy_fleet()) as pilot:
        await press(pilot, "5", "s")
        await until_shown(pilot, "as given")
        await press(pilot, "2")
        assert "Task▴" in shown(pilot)
        await press(pilot, "s", "s")
        assert "Task▾" in shown(pilot)
        await press(pilot, "s", "0")
        assert "Task▾" not in shown(pilot)
        await press(pilot, "s", "escape")
        assert "as given" not in shown(pilot)
