"""A recording's own keys, header and banner."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from earthgazer_tui.commands.common import COMMON, MODES
from earthgazer_tui.commands.replay import REPLAY
from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.models import ReplayPosition, Service, ServiceState
from earthgazer_tui.screens.modes import SCREENS, screen_class
from tests.tui import builders as make
from tests.tui.console import console, press, settle, shown, until_shown
from tests.tui.scripted_fleet import ScriptedFleet

BEGIN = datetime(2026, 3, 1, 2, tzinfo=UTC).timestamp()


def a_recording() -> ScriptedFleet:
    position = ReplayPosition(
        at=BEGIN + 1800, begins_at=BEGIN, ends_at=BEGIN + 7200, speed=4.0, is_paused=False, damaged_lines=0
    )
    snapshot = make.a_snapshot()
    return ScriptedFleet(
        replace(
            snapshot,
            context="night.egr",
            is_read_only=True,
            database=Service(ServiceState.ABSENT, "", None),
            replay=position,
        )
    )


async def test_the_header_says_where_we_are_and_how_fast_it_goes() -> None:
    fleet = a_recording()
    async with console(fleet, is_read_only=True) as pilot:
        await until_shown(pilot, "REPLAY 03-01 02:30:00 ×4 25%")
        assert "● broker" not in shown(pilot)
        assert fleet.snapshot.replay is not None
        fleet.push(replace(fleet.snapshot, replay=replace(fleet.snapshot.replay, is_paused=True)))
        await until_shown(pilot, "02:30:00 stopped 25%")


async def test_each_key_goes_through_it() -> None:
    fleet = a_recording()
    async with console(fleet, is_read_only=True) as pilot:
        await until_shown(pilot, "REPLAY")
        await press(pilot, "full_stop", "right_parenthesis", "left_parenthesis")
        await press(pilot, "greater_than_sign", "less_than_sign", "right_curly_bracket", "left_curly_bracket")
        await press(pilot, "colon", *"seek", "space", "4", "0", "%", "enter")
        await settle(pilot)
    asked = [question for question in fleet.asked if "replay" in question[0]]
    assert asked == [
        ("toggle_replay",),
        ("change_replay_speed", 1),
        ("change_replay_speed", -1),
        ("jump_replay", timedelta(seconds=10)),
        ("jump_replay", timedelta(seconds=-10)),
        ("jump_replay", timedelta(minutes=10)),
        ("jump_replay", timedelta(minutes=-10)),
        ("seek_replay", "40%"),
    ]


async def test_a_place_that_is_none_is_told() -> None:
    fleet = a_recording()
    fleet.errors["seek_replay"] = RefusedError("'noon' is no place")
    async with console(fleet, is_read_only=True) as pilot:
        await until_shown(pilot, "REPLAY")
        await press(pilot, "colon", *"seek", "space", *"noon", "enter")
        await until_shown(pilot, "'noon' is no place")


async def test_what_only_a_database_knew_is_told_in_one_line() -> None:
    async with console(a_recording(), is_read_only=True) as pilot:
        await press(pilot, "2")
        await until_shown(pilot, "queues and workers only.")


async def test_a_fleet_that_is_alive_has_none_of_it() -> None:
    fleet = ScriptedFleet()
    async with console(fleet) as pilot:
        await press(pilot, "full_stop", "right_parenthesis", "right_curly_bracket")
        assert "Play/stop" not in shown(pilot)
        await press(pilot, "colon", *"seek", "space", *"end", "enter")
        await settle(pilot)
    assert not [question for question in fleet.asked if "replay" in question[0]]


def test_no_screen_has_another_meaning_for_its_keys() -> None:
    keys = {key for command in REPLAY for key in command.key.split(",") if key}
    for mode in SCREENS:
        for command in (*screen_class(mode).OWN_COMMANDS, *COMMON, *MODES):
            assert not keys & set(command.key.split(",")), (mode, command.id)
