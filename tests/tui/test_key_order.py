"""Keys typed faster than they are handled."""

from __future__ import annotations

import asyncio

from textual.widgets import Input

from earthgazer_tui.screens.help import Help
from earthgazer_tui.terminal.key_parser import KeyParser
from tests.tui import builders as make
from tests.tui.console import console, press, settle, until
from tests.tui.scripted_fleet import ScriptedFleet


async def test_a_changing_key_acts_on_the_screen_that_was_shown_when_it_was_typed() -> None:
    fleet = ScriptedFleet()
    async with console(fleet) as pilot:
        await press(pilot, "1")
        # As they come in one packet over a slow link: nothing is handled in between.
        for key in ("D", "2"):
            pilot.app.post_message(make.a_key(key))
        await settle(pilot)
        assert pilot.app.current_mode == "captures"
    assert fleet.calls == [("discover_and_process",)]


async def test_a_digit_and_what_is_typed_behind_it_are_for_the_new_screen() -> None:
    fleet = ScriptedFleet()
    fleet.failed_rows = [make.a_failure("t-1")]
    async with console(fleet) as pilot:
        await press(pilot, "1")
        for key in ("5", "D"):
            pilot.app.post_message(make.a_key(key))
        await settle(pilot)
        assert pilot.app.current_mode == "failed"
    assert ("discover_and_process",) not in fleet.calls


async def test_a_digit_behind_the_escape_that_closes_a_dialog_waits_for_it_however_busy_it_is() -> None:
    async with console(ScriptedFleet()) as pilot:
        await press(pilot, "?")
        assert isinstance(pilot.app.screen, Help)
        # As when the terminal's size changed again and again: it has other things to do first.
        pilot.app.screen.call_next(asyncio.sleep, 0.5)
        for key in ("escape", "2"):
            pilot.app.post_message(make.a_key(key))
        await until(pilot, lambda: pilot.app.current_mode == "captures")


async def test_keys_that_a_widget_keeps_hold_nothing_up_and_one_that_went_is_not_waited_for() -> None:
    async with console(ScriptedFleet()) as pilot:
        await press(pilot, "?")
        help_screen = pilot.app.screen
        for key in ("x", "x", "escape", "escape", "2"):
            pilot.app.post_message(make.a_key(key))
        await until(pilot, lambda: pilot.app.current_mode == "captures")
        assert help_screen not in pilot.app.screen_stack


async def test_what_comes_right_behind_escape_is_two_keys_unless_it_is_bound() -> None:
    async with console(ScriptedFleet()) as pilot:
        await press(pilot, "?")
        [both] = KeyParser().feed("\x1b2")
        pilot.app.post_message(both)
        await until(pilot, lambda: pilot.app.current_mode == "captures")
        shown: list[str] = []
        pilot.app.bind("alt+3", "note('alt+3')")
        pilot.app.action_note = lambda name: shown.append(name)  # type: ignore[attr-defined]
        [bound] = KeyParser().feed("\x1b3")
        pilot.app.post_message(bound)
        await until(pilot, lambda: bool(shown))
        assert (pilot.app.current_mode, shown) == ("captures", ["alt+3"])


async def test_a_line_of_text_still_jumps_over_words() -> None:
    async with console(ScriptedFleet()) as pilot:
        await press(pilot, ":")
        await press(pilot, *"ab")
        [back] = KeyParser().feed("\x1bb")
        pilot.app.post_message(back)
        await settle(pilot)
        field = pilot.app.focused
        assert isinstance(field, Input)
        assert (field.value, field.cursor_position) == ("ab", 0)
