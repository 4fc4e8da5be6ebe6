from __future__ import annotations

from earthgazer_tui.fleet.models import Alert, Counters, WorkerState
from earthgazer_tui.widgets.sparkline import sparkline
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, shown, until_shown
from tests.tui.scripted_fleet import ScriptedFleet


async def test_the_overview_answers_is_it_fine_in_one_look() -> None:
    fleet = ScriptedFleet(
        make.a_snapshot(
            queues=(make.a_queue("io_queue", 12, unacked=2),),
            workers=(make.a_worker(), make.a_worker("b@field", state=WorkerState.LOST)),
            counters=Counters(
                finished_per_s=3.2, failed_percent=25.0, oldest_waiting_s=48.0, throughput=(1.0, 3.2)
            ),
            alerts=(Alert("critical", "maintenance: nobody consumes it", "6 then N"),),
            recent=(make.a_task("t-1", name="earthgazer.io.download_bands"),),
        )
    )
    async with console(fleet) as pilot:
        text = shown(pilot)
        assert "1 seen, 1 lost" in text
        assert "12, oldest 48s" in text
        assert "3.2/s" in text
        assert "25%" in text
        assert "✗ maintenance: nobody consumes it  → 6 then N" in text
        assert "✓ done" in lines_with(pilot, "io.download_bands")[0]


async def test_an_idle_fleet_is_calm(fleet: ScriptedFleet) -> None:
    async with console(fleet) as pilot:
        assert "✓ No alerts" in shown(pilot)
        assert "No task seen yet." in shown(pilot)


async def test_an_empty_sandbox_says_which_key_to_press_and_the_key_does_it() -> None:
    hint = "Press D to discover and process the sandbox location."
    fleet = ScriptedFleet(make.a_snapshot(first_steps=hint))
    async with console(fleet) as pilot:
        assert hint in shown(pilot)
        await press(pilot, "D")
        await until_shown(pilot, "discover_and_process done")
        assert fleet.calls == [("discover_and_process",)]


async def test_enter_opens_the_task_under_the_cursor() -> None:
    task = make.a_failure("t-77")
    fleet = ScriptedFleet(make.a_snapshot(recent=(task,)))
    fleet.task_details["t-77"] = make.a_task_detail(task)
    async with console(fleet) as pilot:
        await press(pilot, "enter")
        await until_shown(pilot, "t-77")
        await press(pilot, "escape")
        await until_shown(pilot, "No alerts")


def test_a_sparkline_takes_its_width_and_keeps_peaks() -> None:
    assert sparkline([0, 1, 2, 4], 6) == "  ▁▃▅█"
    assert sparkline([0] * 99 + [9], 10) == "▁▁▁▁▁▁▁▁▁█"
    assert sparkline([], 4) == "    "
    assert sparkline([0.01, 100], 2) == "▂█"
