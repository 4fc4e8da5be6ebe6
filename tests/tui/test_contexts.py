"""Switching fleets in one sitting: over scripted ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
from textual.pilot import Pilot

from earthgazer_tui.app import ConsoleApp
from earthgazer_tui.contexts import Contexts, Start
from earthgazer_tui.fleet.errors import SettingsError, UnavailableError
from earthgazer_tui.fleet.models import QuitChoice, WorkInProgress
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.state.place import Place
from tests.tui import builders
from tests.tui.console import press, settle, shown, until, until_shown
from tests.tui.scripted_fleet import ScriptedFleet


def scripted(context: str, *, is_read_only: bool = False) -> ScriptedFleet:
    fleet = ScriptedFleet(replace(builders.a_snapshot(), context=context, is_read_only=is_read_only))
    fleet.work = WorkInProgress(is_embedded=False, other_consoles=0, running=0, waiting=0)
    fleet.failed_rows = [builders.a_task("failed-in-" + context)]
    return fleet


@asynccontextmanager
async def sitting(fleets: dict[str, ScriptedFleet | str]) -> AsyncIterator[Pilot[None]]:
    """Yield a console at the first of these fleets; a text in place of one is why it can't be made."""

    def maker(name: str) -> Fleet:
        fleet = fleets[name]
        if isinstance(fleet, str):
            raise SettingsError(fleet)
        return fleet

    colours = {"production": "red"}
    places = [
        Place(name, partial(maker, name), name == "production", colours.get(name, "")) for name in fleets
    ]
    app = ConsoleApp(places[0].make_fleet, refresh_s=0.05, place=places[0], places=lambda: places)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: app.current_mode == "overview")
        await settle(pilot)
        yield pilot


async def test_another_fleet_is_chosen_shown_and_the_one_before_closed() -> None:
    staging, production = scripted("staging"), scripted("production", is_read_only=True)
    async with sitting({"staging": staging, "production": production}) as pilot:
        await press(pilot, "5")
        await until_shown(pilot, "failed-in-staging"[:8])
        await press(pilot, "c")
        await until_shown(pilot, "Which fleet?")
        await press(pilot, "down", "enter")
        await until(pilot, lambda: pilot.app.current_mode == "overview")
        await until_shown(pilot, "READ-ONLY")
        assert "production" in shown(pilot).splitlines()[0]
        await until(pilot, lambda: staging.closed_with == [QuitChoice.STOP])
        assert production.closed_with == []


async def test_read_only_of_a_context_has_no_way_round() -> None:
    staging, production = scripted("staging"), scripted("production")
    async with sitting({"staging": staging, "production": production}) as pilot:
        assert isinstance(pilot.app, ConsoleApp)
        pilot.app.action_switch_context("production")
        await until_shown(pilot, "READ-ONLY")
        await press(pilot, "5")
        await settle(pilot)
        await press(pilot, "R", "D", "X", "V")
        await pilot.app.screen.run_action("command('task.retry')")
        await settle(pilot)
        assert not any(command.changes_world for command in pilot.app.screen.commands)  # type: ignore[attr-defined]
        assert production.calls == []
        # Back where things may be changed, they can be.
        pilot.app.action_switch_context("staging")
        await until(pilot, lambda: pilot.app.fleet is staging)  # type: ignore[attr-defined]
        await until(pilot, lambda: pilot.app.current_mode == "overview")
        assert any(command.changes_world for command in pilot.app.screen.commands)  # type: ignore[attr-defined]
        await settle(pilot)


async def test_a_broken_fleet_says_why_and_lets_one_go_back() -> None:
    staging, broken = scripted("staging"), scripted("broken")
    broken.errors["open"] = UnavailableError("nobody answers at host")
    async with sitting({"staging": staging, "broken": broken, "unset": "variable PW is not set"}) as pilot:
        assert isinstance(pilot.app, ConsoleApp)
        await press(pilot, "3")
        pilot.app.action_switch_context("broken")
        await until_shown(pilot, "nobody answers at host")
        await until_shown(pilot, "Back to staging")
        assert staging.closed_with == []
        await press(pilot, "escape")
        await until(pilot, lambda: pilot.app.current_mode == "queues")
        await until(pilot, lambda: broken.closed_with == [None])
        pilot.app.action_switch_context("unset")
        await until_shown(pilot, "variable PW is not set")
        await press(pilot, "c")
        await until_shown(pilot, "Which fleet?")
        await press(pilot, "escape", "escape")
        await until(pilot, lambda: pilot.app.current_mode == "queues")
        pilot.app.action_switch_context("nowhere")
        await until_shown(pilot, "no context 'nowhere'")


async def test_a_stack_with_work_in_progress_is_asked_about_before_it_is_left() -> None:
    local, other = scripted("local"), scripted("other")
    local.work = WorkInProgress(is_embedded=True, other_consoles=0, running=1, waiting=2)
    async with sitting({"local": local, "other": other}) as pilot:
        assert isinstance(pilot.app, ConsoleApp)
        pilot.app.action_switch_context("other")
        await until_shown(pilot, "Quit with work in progress?")
        await press(pilot, "escape")
        await settle(pilot)
        assert (pilot.app.fleet, local.closed_with) == (local, [])
        pilot.app.action_switch_context("other")
        await until_shown(pilot, "Quit with work in progress?")
        await press(pilot, "w")
        await until(pilot, lambda: local.closed_with == [QuitChoice.WAIT])


def test_no_file_and_no_such_context_are_said(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARTHGAZER_CONFIG", str(tmp_path))
    contexts = Contexts(Start())
    with pytest.raises(SettingsError, match=r"no other fleet is known: write contexts into .*contexts\.toml"):
        contexts.places()
    with pytest.raises(SettingsError, match=r"no context 'x': .* has no context at all"):
        contexts.find("x")
