from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest
from textual.binding import Binding

from earthgazer_tui.app import ConsoleApp
from earthgazer_tui.commands.command import Command, FleetCommand
from earthgazer_tui.commands.common import MODES
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.choose import Choose
from earthgazer_tui.screens.confirm import Confirm
from earthgazer_tui.screens.help import Help
from earthgazer_tui.screens.modes import SCREENS, screen_class
from earthgazer_tui.screens.quit_dialog import QuitDialog
from earthgazer_tui.screens.replies import Replies
from earthgazer_tui.screens.start import StartScreen
from earthgazer_tui.widgets.filter_bar import FilterBar
from earthgazer_tui.widgets.line_table import LineTable
from tests.tui.console import console, press, settle, shown, until_shown
from tests.tui.scripted_fleet import ScriptedFleet

MODE_KEYS = [command.key for command in MODES]
MODE_SCREENS = [screen_class(mode) for mode in SCREENS]


def fleet_screens() -> list[type[FleetScreen]]:
    """Return all main and detail screens."""
    found, todo = [], [FleetScreen]
    while todo:
        for child in todo.pop().__subclasses__():
            todo.append(child)
            found.append(child)
    return [screen for screen in found if screen.__module__.startswith("earthgazer_tui.")]


def bindings_of(node: type) -> list[Binding]:
    return [binding for binding in node.__dict__.get("BINDINGS", []) if isinstance(binding, Binding)]


@pytest.mark.parametrize("screen", fleet_screens())
def test_no_key_does_two_things_on_a_screen(screen: type[FleetScreen]) -> None:
    keys = chain.from_iterable(command.key.split(",") for command in screen.command_classes() if command.key)
    table = [] if screen.IS_DETAIL else chain.from_iterable(b.key.split(",") for b in bindings_of(LineTable))
    assert [key for key, n in Counter(chain(keys, table)).items() if n > 1] == []


@pytest.mark.parametrize("screen", fleet_screens())
def test_commands_have_distinct_ids_a_title_and_a_help(screen: type[FleetScreen]) -> None:
    commands = screen.command_classes()
    assert len({command.id for command in commands}) == len(commands)
    for command in commands:
        assert command.title
        assert len(command.help()) > 10, command
        assert command.action or issubclass(command, FleetCommand), command


@pytest.mark.parametrize(
    "node",
    [
        ConsoleApp,
        StartScreen,
        Confirm,
        Choose,
        Help,
        Replies,
        QuitDialog,
        LineTable,
        FilterBar,
        *fleet_screens(),
    ],
)
def test_every_binding_has_an_id_a_description_and_a_tooltip(node: type) -> None:
    bindings = bindings_of(node)
    assert bindings
    for binding in bindings:
        assert binding.id, binding
        assert binding.description, binding
        assert binding.tooltip, binding


@pytest.mark.parametrize("screen", fleet_screens())
def test_upper_case_changes_the_world_and_lower_case_does_not(screen: type[FleetScreen]) -> None:
    for command in screen.command_classes():
        key = command.key.split(",")[0]
        is_loud = (len(key) == 1 and key.isupper()) or key in ("plus", "minus")
        assert is_loud == command.changes_world, command


async def test_every_command_of_every_screen_is_in_its_help(fleet: ScriptedFleet) -> None:
    async with console(fleet, size=(100, 200)) as pilot:
        for key, screen in zip(MODE_KEYS, MODE_SCREENS, strict=True):
            await press(pilot, key, "question_mark")
            text = " ".join(shown(pilot).split())
            for command in screen.command_classes():
                if command.only_in_replay:
                    continue
                assert " ".join(command.help().split()[:4]) in text, command
                assert command.shown_key() in text
            await press(pilot, "escape")


async def test_a_read_only_console_has_no_changing_command_in_keys_footer_help_or_palette(
    fleet: ScriptedFleet,
) -> None:
    async with console(fleet, size=(100, 40), is_read_only=True) as pilot:
        assert "READ-ONLY" in shown(pilot)
        for key, screen_type in zip(MODE_KEYS, MODE_SCREENS, strict=True):
            await press(pilot, key)
            screen = pilot.app.screen
            assert isinstance(screen, FleetScreen)
            changing = [command for command in screen_type.command_classes() if command.changes_world]
            for command in changing:
                assert command not in screen.commands
                assert command.key not in screen.active_bindings
                await screen.action_command(command.id)
            await pilot.press(*(key for command in changing for key in command.key.split(",")))
            await settle(pilot)
        assert fleet.calls == []
        await press(pilot, "1", "question_mark")
        assert "Discover new captures" not in shown(pilot)
        await press(pilot, "escape", "ctrl+p")
        await pilot.press(*"discover")
        await until_shown(pilot, "No matches found")
        await pilot.press("enter")
        await pilot.press("escape")
        assert fleet.calls == []


async def test_the_palette_does_what_the_key_does(fleet: ScriptedFleet) -> None:
    async with console(fleet, size=(100, 40)) as pilot:
        await press(pilot, "ctrl+p")
        await pilot.press(*"discover and")
        await until_shown(pilot, "whole pipeline")
        await press(pilot, "down", "enter")
        await until_shown(pilot, "discover_and_process done")
        assert fleet.calls == [("discover_and_process",)]


def test_a_command_shows_the_key_that_is_printed_on_the_keyboard() -> None:
    class Probe(Command):
        """Probe."""

        id = "test.probe"
        key = "ctrl+o,x"
        title = "Probe"

    assert Probe.shown_key() == "^o"
    assert Probe.binding().key_display == "^o"
