from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from earthgazer_tui.app import ConsoleApp
from earthgazer_tui.commands.command import Command
from earthgazer_tui.fleet.models import Alert, QueuePause
from earthgazer_tui.key_hints import HINT, with_keys
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.modes import load_screens
from tests.tui import builders as make
from tests.tui.console import console, press, settle, shown, until
from tests.tui.scripted_fleet import ScriptedFleet

SOURCES = Path(__file__).parents[2] / "earthgazer_tui"


def footer(pilot: Pilot[None]) -> str:
    return shown(pilot).splitlines()[-1]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, "3, then R lets it go on {not.this}"),
        ({"queue.resume": "f5,r"}, "3, then f5 lets it go on {not.this}"),
        ({"mode.queues": "ctrl+q", "queue.resume": "slash"}, "^q, then / lets it go on {not.this}"),
    ],
)
def test_sentences_name_the_keys_in_force(keys: dict[str, str], expected: str) -> None:
    assert with_keys("{mode.queues|3}, then {queue.resume|R} lets it go on {not.this}", keys) == expected


def test_each_hint_names_a_command_and_its_key() -> None:
    load_screens()
    known: dict[str, type[Command]] = {}
    waiting = list(FleetScreen.__subclasses__())
    while waiting:
        screen = waiting.pop()
        waiting += screen.__subclasses__()
        known |= {command.id: command for command in screen.command_classes()}
    hints = {
        (found["id"], found["key"])
        for path in SOURCES.rglob("*.py")
        if path.name != "key_hints.py"
        for found in HINT.finditer(path.read_text(encoding="utf-8"))
    }
    assert hints
    assert {(name, known[name].shown_key()) for name, _ in hints} == hints


async def test_what_is_told_of_keys_follows_the_operators_file(tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text(
        '[keys]\n"mode.queues" = "f3"\n"queue.resume" = "f7"\n"doctor.again" = "f8"\n'
    )
    alert = Alert("warning", "queue io_queue: paused", "{mode.queues|3}, then {queue.resume|R} lets it go on")
    pause = QueuePause("ada from 10.0.0.7", make.ago(minutes=5), ("io1@field",), False)
    fleet = ScriptedFleet(make.a_snapshot(alerts=(alert,), queues=(make.a_queue(pause=pause),)))
    app = ConsoleApp(lambda: fleet, refresh_s=0.05, config_directory=tmp_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: "f3, then f7 lets it go on" in shown(pilot))
        await settle(pilot)
        await press(pilot, "f3")
        await until(pilot, lambda: "f7 lets it go on" in shown(pilot))
        await press(pilot, "0")
        await until(pilot, lambda: "f8 looks again" in shown(pilot))


@pytest.mark.parametrize("keys", [("6", "enter"), ("3", "enter"), ("5", "enter"), ("2", "enter")])
async def test_the_way_back_is_shown_however_narrow_the_terminal_is(keys: tuple[str, ...]) -> None:
    fleet = ScriptedFleet()
    fleet.failed_rows = [make.a_failure("t-1")]
    fleet.task_details = {"t-1": make.a_task_detail(fleet.failed_rows[0])}
    row = make.a_capture(1)
    fleet.capture_rows, fleet.capture_details = [row], {1: make.a_capture_detail(row)}
    async with console(fleet) as pilot:
        await press(pilot, *keys)
        assert footer(pilot).rstrip().endswith("q Quit")
        assert "esc Back" in footer(pilot)
        assert "? Help" in footer(pilot)


async def test_a_foreign_fleet_is_offered_no_local_workers() -> None:
    fleet = ScriptedFleet(make.a_snapshot(context="foreign", is_embedded=False))
    async with console(fleet, size=(120, 30)) as pilot:
        await press(pilot, "6")
        assert "Grow" in footer(pilot)
        assert "New" not in footer(pilot)
        assert "Stop" not in footer(pilot)
        await press(pilot, "N")
        assert "No embedded stack" in shown(pilot)
        assert not pilot.app.screen.is_modal
        assert fleet.calls == []


@pytest.mark.parametrize(("mode", "key", "title"), [("1", "D", "Discover"), ("2", "D", "Discover")])
async def test_a_foreign_fleet_is_offered_no_imagery(mode: str, key: str, title: str) -> None:
    fleet = ScriptedFleet(make.a_snapshot(context="foreign", is_embedded=False, is_foreign=True))
    async with console(fleet, size=(120, 30)) as pilot:
        await press(pilot, mode)
        assert "Help" in footer(pilot)
        assert title not in footer(pilot)
        await press(pilot, key)
        assert "not known to be EarthGazer's" in shown(pilot)
        assert not pilot.app.screen.is_modal
        assert fleet.calls == []


async def test_a_capture_of_a_foreign_fleet_is_not_processed() -> None:
    fleet = ScriptedFleet(make.a_snapshot(context="foreign", is_embedded=False, is_foreign=True))
    fleet.capture_rows = [make.a_capture(1)]
    async with console(fleet, size=(120, 30)) as pilot:
        await press(pilot, "2")
        for key in ("P", "R"):
            await press(pilot, key)
            assert "not known to be EarthGazer's" in shown(pilot)
        assert "rocess" not in footer(pilot)
        assert not pilot.app.screen.is_modal
        assert fleet.calls == []
