from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.events import Key, Paste

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.common import COMMON, MODES
from earthgazer_tui.commands.failed import DismissTasks
from earthgazer_tui.commands.line import LineError, complete, names_of, parse
from earthgazer_tui.commands.retry import RetryTasks
from earthgazer_tui.fleet.models import WorkInProgress
from earthgazer_tui.screens.task_detail import TaskDetailScreen
from earthgazer_tui.state.line_history import LineHistory
from earthgazer_tui.widgets.filter_bar import FilterBar
from earthgazer_tui.widgets.line_table import LineTable
from tests.tui import builders as make
from tests.tui.console import console, press, settle, settle_unless_asked, shown, until_shown
from tests.tui.dev_console import busy_fleet
from tests.tui.scripted_fleet import ScriptedFleet

COMMANDS: tuple[type[Command], ...] = (RetryTasks, DismissTasks, *COMMON, *MODES)


def no_choices(command: type[Command]) -> tuple[str, ...]:
    return ()


async def enter(pilot: Any, line: str) -> None:
    """Paste a line and enter it."""
    await pilot.press("colon")
    await pilot.pause()
    pilot.app.post_message(Paste(line))
    await pilot.press("enter")
    await settle_unless_asked(pilot)


@pytest.mark.parametrize(
    ("line", "command_id", "argument"),
    [
        ("queues", "mode.queues", ""),
        (":queues", "mode.queues", ""),
        ("QUEUES", "mode.queues", ""),
        ("que", "mode.queues", ""),
        ("mode.queues", "mode.queues", ""),
        ("retry", "task.retry", ""),
        ("task.retry", "task.retry", ""),
        ("quit", "app.quit", ""),
        ("q", "app.quit", ""),
        ("sort  -queue ", "view.sort", "-queue"),
        ("sort", "view.sort", ""),
        ("task abc", "go.task", "abc"),
        ("export csv", "view.export", "csv"),
    ],
)
def test_a_line_names_a_command_and_its_argument(line: str, command_id: str, argument: str) -> None:
    entry = parse(line, COMMANDS)
    assert (entry.command.id, entry.argument) == (command_id, argument)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "nothing was typed"),
        ("retri", "no command :retri here; the nearest is :retry"),
        ("ret", ":ret may be :retry"),
        ("xyzzy", "no command :xyzzy here; ? lists all"),
        ("task", ":task needs TASK-ID"),
        ("queues now", ":queues takes nothing behind it"),
    ],
)
def test_a_line_that_says_nothing_is_told_what_would(line: str, reason: str) -> None:
    with pytest.raises(LineError, match=f"^{re.escape(reason)}$"):
        parse(line, COMMANDS)


def test_the_beginning_of_a_changing_command_is_not_enough() -> None:
    with pytest.raises(LineError):
        parse("dismis", COMMANDS)
    assert parse("dismiss", COMMANDS).command is DismissTasks


def test_a_changing_command_is_told_apart_from_an_unknown_one_where_it_is_removed() -> None:
    with pytest.raises(LineError, match="read-only"):
        parse("retry", (*COMMON, *MODES), hidden=(RetryTasks,))


@given(st.text(max_size=20))
def test_any_line_is_read_or_refused_in_one_line_and_can_be_completed(line: str) -> None:
    complete(line, COMMANDS, lambda command: ("one", "two"))
    with suppress(LineError):
        assert parse(line, COMMANDS).command in COMMANDS


@given(st.sampled_from(COMMANDS))
def test_every_command_is_completed_from_each_of_its_names(command: type[Command]) -> None:
    for name in names_of(command):
        assert complete(name, COMMANDS, no_choices), name


def test_completion_offers_names_that_begin_so_first_then_those_that_hold_it() -> None:
    lines = [one.line for one in complete("ret", COMMANDS, no_choices)]
    assert lines == ["retry"]
    lines = [one.line.strip() for one in complete("ue", COMMANDS, no_choices)]
    assert lines == ["queues"]


def test_completion_of_an_argument_keeps_what_stands_before_it() -> None:
    found = complete("export cs", COMMANDS, lambda command: ("csv", "json"))
    assert [one.line for one in found] == ["export csv"]


def test_history_goes_back_and_forth_and_keeps_what_was_being_typed() -> None:
    history = LineHistory()
    assert history.older("ty") == "ty"
    for line in ("queues", "workers", "queues"):
        history.add(line)
    assert history.older("ty") == "queues"
    assert history.older("") == "workers"
    assert history.older("") == "workers"
    assert history.newer("") == "queues"
    assert history.newer("") == "ty"
    assert history.newer("ty") == "ty"


async def test_a_line_shows_a_screen_and_up_brings_it_back(fleet: ScriptedFleet) -> None:
    async with console(fleet) as pilot:
        await enter(pilot, "queues")
        assert pilot.app.current_mode == "queues"
        await enter(pilot, "workers")
        await press(pilot, "colon", "up", "up", "enter")
        assert pilot.app.current_mode == "queues"
        assert isinstance(pilot.app.focused, LineTable)


async def test_tab_goes_through_a_list_that_is_seen(fleet: ScriptedFleet) -> None:
    async with console(fleet) as pilot:
        await press(pilot, "colon", "w", "o")
        assert "workflows" in shown(pilot)
        assert "workers" in shown(pilot)
        await press(pilot, "tab", "tab", "enter")
        assert pilot.app.current_mode == "workers"
        await press(pilot, "colon", "x", "escape")
        assert ":x" not in shown(pilot)
        assert pilot.app.current_mode == "workers"


async def test_what_is_typed_right_behind_the_colon_is_never_a_key(fleet: ScriptedFleet) -> None:
    fleet.failed_rows = [make.a_failure("t-1")]
    async with console(fleet) as pilot:
        await pilot.press("5", "colon", "R", "D", "V", "slash", "p")
        await settle(pilot)
        assert ":RDV/p" in shown(pilot)
        await pilot.press("escape")
        await settle(pilot)
        await pilot.press("slash", "R", "slash", "D", "colon")
        await settle(pilot)
        assert "R/D:" in shown(pilot)
        assert fleet.calls == []


async def test_lines_typed_one_right_behind_the_other_are_done_in_turn(fleet: ScriptedFleet) -> None:
    async with console(fleet) as pilot:
        keys = [*":queues", "enter", *":workers", "enter", *":x", "escape", *":tasks", "enter", "slash", "R"]
        for key in keys:
            pilot.app.post_message(Key({":": "colon"}.get(key, key), key if len(key) == 1 else None))
        await pilot.pause()
        await settle(pilot)
        assert pilot.app.current_mode == "tasks"
        assert pilot.app.screen.query_one(FilterBar).value.endswith("R")
        assert fleet.calls == []


async def test_a_command_of_the_line_is_the_key_itself(fleet: ScriptedFleet) -> None:
    fleet.failed_rows = [make.a_failure("t-1"), make.a_failure("t-2")]
    async with console(fleet) as pilot:
        await press(pilot, "5", "ctrl+a")
        await enter(pilot, "dismiss")
        await until_shown(pilot, "Dismiss 2 failures?")
        await press(pilot, "y")
        assert fleet.calls == [("dismiss", ("t-1", "t-2"))] or fleet.calls[0][0] == "dismiss"


async def test_filter_sort_and_ids_are_arguments() -> None:
    fleet = busy_fleet()
    async with console(fleet) as pilot:
        await press(pilot, "5")
        await enter(pilot, "filter t-bad-3")
        assert ("failed", "t-bad-3") in fleet.asked
        assert "t-bad-3" in shown(pilot)
        await enter(pilot, "sort task")
        assert "Task▴" in shown(pilot)
        await enter(pilot, "sort -task")
        assert "Task▾" in shown(pilot)
        await enter(pilot, "sort nonsense")
        await until_shown(pilot, "no column 'nonsense'; there are at, task")
        await enter(pilot, "task t-bad-7")
        assert isinstance(pilot.app.screen, TaskDetailScreen)
        await press(pilot, "escape")
        await enter(pilot, "capture 7")
        await until_shown(pilot, "histogram")
        await press(pilot, "escape")
        await enter(pilot, f"run {fleet.run_rows[0].run_id}")
        await until_shown(pilot, "stack_and_crop")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("task nosuchtask", "nosuchtask"),
        ("run nosuchrun", "nosuchrun"),
        ("capture 99999", "99999"),
        ("capture twelve", "a capture has a number such as 12"),
        ("nosuch", "no command :nosuch here"),
        ("retry", "no command :retry here"),
    ],
)
async def test_what_there_is_not_is_told_in_one_line_and_nothing_changes(
    fleet: ScriptedFleet, line: str, told: str
) -> None:
    async with console(fleet) as pilot:
        before = pilot.app.screen
        await enter(pilot, line)
        await until_shown(pilot, told)
        assert pilot.app.screen is before
        assert fleet.calls == []


async def test_a_read_only_line_neither_offers_nor_does_what_changes(fleet: ScriptedFleet) -> None:
    fleet.failed_rows = [make.a_failure("t-1")]
    async with console(fleet, is_read_only=True) as pilot:
        await press(pilot, "5", "colon", "r", "e", "t")
        assert "Retry the marked" not in shown(pilot)
        await press(pilot, "r", "y", "enter")
        await until_shown(pilot, "this console is read-only")
        assert fleet.calls == []


async def test_quit_asks_as_the_key_does(fleet: ScriptedFleet) -> None:
    fleet.work = WorkInProgress(is_embedded=True, other_consoles=0, running=2, waiting=1)
    async with console(fleet) as pilot:
        await enter(pilot, "quit")
        await until_shown(pilot, "2 tasks run and 1 message waits")


async def test_the_palette_begins_a_command_that_lacks_its_argument(fleet: ScriptedFleet) -> None:
    async with console(fleet, size=(100, 40)) as pilot:
        await press(pilot, "ctrl+p")
        await pilot.press(*"go to run")
        await until_shown(pilot, ":run · Open a workflow run")
        await press(pilot, "down", "enter")
        await until_shown(pilot, ":run ")
