"""Keys typed faster than they are handled."""

from __future__ import annotations

from tests.tui import builders as make
from tests.tui.console import console, press, settle
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
