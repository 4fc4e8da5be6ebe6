from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from rich.console import RenderableType
from textual._compositor import Compositor

from earthgazer_tui.commands.common import MODES
from earthgazer_tui.fleet.errors import FleetError, UnavailableError
from earthgazer_tui.fleet.models import (
    Badges,
    QuitChoice,
    Service,
    ServiceState,
    Snapshot,
    StartStep,
    StepState,
    WorkInProgress,
)
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.start import StartScreen
from earthgazer_tui.theme import theme_for
from earthgazer_tui.widgets.status_header import Tab, tab_line
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, settle, shown, until, until_shown
from tests.tui.dev_console import busy_fleet
from tests.tui.scripted_fleet import ScriptedFleet

SIZES = [(80, 24), (120, 36), (200, 60)]


async def test_the_start_shows_each_step_and_gives_way_to_the_overview(fleet: ScriptedFleet) -> None:
    fleet.may_open.clear()
    fleet.start_steps = [
        StartStep("Valkey", StepState.READY, "port 40001", 0.1),
        StartStep("Postgres", StepState.STARTING, "", 0.2),
    ]
    async with console(fleet) as pilot:
        await until_shown(pilot, "Postgres")
        assert "✓ Valkey" in shown(pilot)
        assert "port 40001" in shown(pilot)
        fleet.may_open.set()
        await until_shown(pilot, "1 Overview")


async def test_steps_that_come_late_do_no_harm(fleet: ScriptedFleet) -> None:
    async with console(fleet) as pilot:
        late = StartStep("worker cpu", StepState.READY, "", 4.0)
        fleet.report(late)
        await settle(pilot)
        assert "1 Overview" in shown(pilot)
    fleet.report(late)


async def test_a_start_that_fails_says_why_and_can_be_tried_again(fleet: ScriptedFleet) -> None:
    fleet.errors["open"] = FleetError("the state directory is taken by process 77")
    async with console(fleet) as pilot:
        await until_shown(pilot, "taken by process 77")
        fleet.errors.clear()
        await pilot.press("r")
        await until_shown(pilot, "1 Overview")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make_fleet", [ScriptedFleet, busy_fleet])
async def test_every_screen_fits_its_terminal(
    size: tuple[int, int], make_fleet: Callable[[], ScriptedFleet]
) -> None:
    async with console(make_fleet(), size=size) as pilot:
        for key in (command.key for command in MODES):
            await press(pilot, key)
            lines = shown(pilot).splitlines()
            assert len(lines) == size[1]
            assert "EarthGazer" in lines[0]
            assert f"{key} " in lines[1]
            assert "…" not in lines[1]
            assert lines[-1].rstrip().endswith("q Quit")
            assert "? Help" in lines[-1]
            for widget in pilot.app.screen.query("*"):
                assert not widget.display or widget.region.right <= size[0], widget
            assert not pilot.app.screen.query_one("#body").show_vertical_scrollbar


async def test_digits_switch_screens_and_badges_count(fleet: ScriptedFleet) -> None:
    fleet.push(make.a_snapshot(badges=Badges(captures=3, queues=12, workflows=1, failed=2, workers=4)))
    async with console(fleet, size=(100, 24)) as pilot:
        for command in MODES:
            await press(pilot, command.key)
            assert pilot.app.current_mode == command.mode
        await press(pilot, "6")
        tabs = shown(pilot).splitlines()[1]
        for part in ("1 Over", "2 Capt·3", "3 Queu·12", "4 Flow·1", "5 Fail·2", "6 Workers·4", "7 Task"):
            assert part in tabs


@pytest.mark.parametrize("badge", [0, 3, 152, 99_999])
@pytest.mark.parametrize("width", [78, 118, 158])
def test_the_line_of_screens_fits_whatever_the_badges_say(badge: int, width: int) -> None:
    tabs = [
        Tab(command.key, command.title, command.short, badge, command.mode == "workflows")
        for command in MODES
    ]
    line = tab_line(tabs, width).plain
    assert len(line) <= width
    assert "4 Workflows" in line
    assert "…" not in line
    assert all(len(command.short) <= 4 for command in MODES)


async def test_a_broker_that_is_down_is_told_with_since_when_and_comes_back_by_itself(
    fleet: ScriptedFleet,
) -> None:
    async with console(fleet) as pilot:
        down = Service(ServiceState.DOWN, "Connection refused", make.NOW)
        fleet.push(make.a_snapshot(broker=down))
        await until_shown(pilot, "Broker down since 12:00:00 UTC: Connection refused")
        assert pilot.app.screen.query_one("#body").has_class("-stale")
        assert "✗ broker down" in shown(pilot)
        fleet.push(make.a_snapshot())
        await until(pilot, lambda: "Broker down" not in shown(pilot))
        assert not pilot.app.screen.query_one("#body").has_class("-stale")


async def test_a_database_that_is_down_leaves_the_live_screens_alone(fleet: ScriptedFleet) -> None:
    down = Service(ServiceState.DOWN, "server closed the connection", make.NOW)
    fleet.push(make.a_snapshot(database=down))
    async with console(fleet) as pilot:
        await until_shown(pilot, "Database down")
        assert not pilot.app.screen.query_one("#body").has_class("-stale")
        await press(pilot, "2")
        assert pilot.app.screen.query_one("#body").has_class("-stale")


async def test_a_question_that_fails_is_told_and_forgotten_when_answered(fleet: ScriptedFleet) -> None:
    async with console(fleet) as pilot:
        fleet.errors["captures"] = UnavailableError("no answer within 5 s")
        await press(pilot, "2")
        await until_shown(pilot, "no answer within 5 s")
        fleet.errors.clear()
        await until(pilot, lambda: "no answer" not in shown(pilot))


async def test_only_the_active_screen_asks(fleet: ScriptedFleet) -> None:
    async with console(fleet) as pilot:
        await press(pilot, "2", "4", "6", "3")
        await settle(pilot)
        fleet.asked.clear()
        await until(pilot, lambda: len(fleet.asked) >= 3)
        assert {question[0] for question in fleet.asked} == {"queue_hour"}


async def test_p_freezes_the_view_and_lets_it_go_on(fleet: ScriptedFleet) -> None:
    async with console(fleet) as pilot:
        await press(pilot, "3", "p")
        await until_shown(pilot, "FROZEN")
        queue = make.a_queue("io_queue", 4321)
        fleet.push(make.a_snapshot(queues=(queue,), workers=()))
        await settle(pilot)
        await press(pilot, "1")
        assert "4321" not in shown(pilot)
        await press(pilot, "3", "p")
        await until_shown(pilot, "4321")
        assert "FROZEN" not in shown(pilot)


async def test_y_copies_without_control_characters(fleet: ScriptedFleet) -> None:
    fleet.push(make.a_snapshot(queues=(make.a_queue("io\x1b]52;c;x\x07queue", 1),)))
    async with console(fleet) as pilot:
        await press(pilot, "3", "y")
        assert pilot.app.clipboard == "io]52;c;xqueue"


async def test_q_quits_at_once_when_nothing_is_in_progress(fleet: ScriptedFleet) -> None:
    async with console(fleet) as pilot:
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running)
    assert pilot.app.quit_choice is QuitChoice.STOP  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("key", "choice"), [("w", QuitChoice.WAIT), ("l", QuitChoice.LEAVE), ("s", QuitChoice.STOP)]
)
async def test_q_asks_the_last_console_of_a_stack_with_work_in_progress(
    fleet: ScriptedFleet, key: str, choice: QuitChoice
) -> None:
    fleet.work = WorkInProgress(is_embedded=True, other_consoles=0, running=2, waiting=1)
    async with console(fleet) as pilot:
        await press(pilot, "q")
        await until_shown(pilot, "2 tasks run and 1 message waits")
        await pilot.press("escape")
        await settle(pilot)
        assert pilot.app.is_running
        await press(pilot, "q")
        await until_shown(pilot, "wait: running tasks end")
        await pilot.press(key)
        await until(pilot, lambda: not pilot.app.is_running)
    assert pilot.app.quit_choice is choice  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "work",
    [
        WorkInProgress(is_embedded=False, other_consoles=0, running=5, waiting=5),
        WorkInProgress(is_embedded=True, other_consoles=1, running=5, waiting=5),
    ],
)
async def test_q_does_not_ask_where_quitting_ends_nothing(fleet: ScriptedFleet, work: WorkInProgress) -> None:
    fleet.work = work
    async with console(fleet) as pilot:
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running)


@pytest.mark.parametrize("keys", [(), ("question_mark",), ("2", "slash")])
async def test_ctrl_c_quits_from_anywhere_without_a_choice(
    fleet: ScriptedFleet, keys: tuple[str, ...]
) -> None:
    fleet.work = WorkInProgress(is_embedded=True, other_consoles=0, running=2, waiting=1)
    async with console(fleet) as pilot:
        await press(pilot, *keys)
        await pilot.press("ctrl+c")
        await until(pilot, lambda: not pilot.app.is_running)
    assert pilot.app.quit_choice is None  # type: ignore[attr-defined]


async def test_q_works_while_the_stack_starts(fleet: ScriptedFleet) -> None:
    fleet.may_open.clear()
    async with console(fleet) as pilot:
        assert isinstance(pilot.app.screen, StartScreen)
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running)


def _shows(screen: FleetScreen, snapshot: Snapshot) -> bool:
    return screen.session.store.snapshot is snapshot


async def test_nothing_is_repainted_while_nothing_changes(
    fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[object] = []
    render_update = Compositor.render_update

    def watched(compositor: Compositor, *args: Any, **options: Any) -> RenderableType | None:
        update = render_update(compositor, *args, **options)
        if update is not None:
            painted.append(update)
        return update

    fleet.push(busy_fleet().snapshot)
    async with console(fleet, size=(120, 40)) as pilot:
        monkeypatch.setattr(Compositor, "render_update", watched)
        for key in "136":
            await press(pilot, key)
            screen = pilot.app.screen
            assert isinstance(screen, FleetScreen)
            painted.clear()
            for later in range(1, 4):
                snapshot = replace(fleet.snapshot, taken_at=make.NOW + timedelta(milliseconds=later))
                fleet.push(snapshot)
                await until(pilot, partial(_shows, screen, snapshot))
                screen._show_latest()
                await settle(pilot)
            assert painted == [], key


async def test_hostile_texts_reach_the_screen_as_text(fleet: ScriptedFleet) -> None:
    hostile = "[/bold][@click=app.exit]boom[/]"
    fleet.push(
        make.a_snapshot(
            context=hostile,
            queues=(make.a_queue(hostile, 1),),
            workers=(make.a_worker(hostile, resize_refusal=hostile),),
            recent=(make.a_task("t", name=hostile, error_message=hostile),),
            first_steps=hostile,
        )
    )
    async with console(fleet, size=(200, 60)) as pilot:
        for key in "136":
            await press(pilot, key)
            assert len(lines_with(pilot, hostile)) >= 2
        await press(pilot, "plus")
        await until_shown(pilot, hostile)


@pytest.mark.parametrize("environment", [{"TERM": "xterm", "COLORTERM": ""}, {"NO_COLOR": "1"}])
async def test_few_or_no_colours_still_tell_everything(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with console(busy_fleet()) as pilot:
        assert "✗ failed" in shown(pilot)
        await press(pilot, "6")
        assert lines_with(pilot, "io1@field")[0].startswith("›")
        assert "✗ lost" in shown(pilot)


def test_terminals_of_16_colours_get_their_own() -> None:
    assert theme_for("standard").ansi
    assert not theme_for("256").ansi
    assert not theme_for("truecolor").ansi
