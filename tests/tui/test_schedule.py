from __future__ import annotations

import pytest

from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.wording import seconds_of
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, shown, until_shown
from tests.tui.scripted_fleet import ScriptedFleet


def a_schedule() -> ScriptedFleet:
    fleet = ScriptedFleet()
    fleet.schedule_rows = [
        make.a_periodic_task(),
        make.a_periodic_task(
            "health-check", is_late=True, next_run_at=make.ago(days=400), last_state="FAILURE",
            last_error="OSError: disk full", is_changed=True, timing="every 30 s", interval_s=30.0,
        ),
        make.a_periodic_task(
            "sweep", timing="23 3 * * * UTC", interval_s=None, is_enabled=False, next_run_at=None,
            last_run_at=None, last_task_id=None, last_state=None, last_runtime_s=None, total_runs=0,
        ),
    ]  # fmt: skip
    row = make.a_task("t-last")
    fleet.task_details = {"t-last": make.a_task_detail(row)}
    return fleet


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_each_entry_tells_when_it_ran_and_will_run(size: tuple[int, int]) -> None:
    async with console(a_schedule(), size=size) as pilot:
        await press(pilot, "8")
        line = lines_with(pilot, "discover-active")[0]
        for part in ("● on", "every 600 s", "✓ done 3.2s"):
            assert part in line, part
        late = lines_with(pilot, "health-check")[0]
        for part in ("every 30 s *", "LATE ", "✗ failed"):
            assert part in late, part
        off = lines_with(pilot, "sweep")[0]
        assert "○ off" in off
        await press(pilot, "down")
        assert "changed by an operator; by the code every 600 s" in shown(pilot)
        assert "OSError: disk full" in shown(pilot)
        assert "does beat run" in shown(pilot)


async def test_enter_opens_the_last_run() -> None:
    async with console(a_schedule()) as pilot:
        await press(pilot, "8", "enter")
        await until_shown(pilot, "earthgazer.cpu.compute_ndvi")
        await press(pilot, "escape", "end", "enter")
        await until_shown(pilot, "It has not run yet.")


async def test_u_runs_at_once_and_asks_for_what_is_off() -> None:
    fleet = a_schedule()
    async with console(fleet) as pilot:
        await press(pilot, "8", "U")
        await until_shown(pilot, "run_scheduled done")
        await press(pilot, "end", "U")
        await until_shown(pilot, "sent once all the same")
        await press(pilot, "n")
        assert fleet.calls == [("run_scheduled", ("discover-active-locations",))]


async def test_t_switches_off_and_on_and_asks_above_one() -> None:
    fleet = a_schedule()
    async with console(fleet) as pilot:
        await press(pilot, "8", "T", "end", "T")
        assert fleet.calls == [
            ("switch_scheduled", ("discover-active-locations",), False),
            ("switch_scheduled", ("sweep",), True),
        ]
        await press(pilot, "ctrl+a", "T")
        await until_shown(pilot, "Switch 3 periodic tasks off?")
        await press(pilot, "y")
        assert fleet.calls[-1] == (
            "switch_scheduled",
            ("discover-active-locations", "health-check", "sweep"),
            False,
        )


@pytest.mark.parametrize(("typed", "seconds"), [("90", 90.0), ("15m", 900.0), ("0", None), ("", None)])
async def test_i_asks_for_the_interval(typed: str, seconds: float | None) -> None:
    fleet = a_schedule()
    async with console(fleet) as pilot:
        await press(pilot, "8", "I")
        await until_shown(pilot, "How often should discover-active-locations run?")
        await press(pilot, "backspace", "backspace", "backspace", *typed, "enter")
        await until_shown(pilot, "set_interval done")
        assert fleet.calls == [("set_interval", ("discover-active-locations",), seconds)]


async def test_what_is_no_interval_is_told_and_changes_nothing() -> None:
    fleet = a_schedule()
    async with console(fleet) as pilot:
        await press(pilot, "8", "I", "x", "enter")
        await until_shown(pilot, "a time span is expected: 90, 15m, 2h or 1d")
        await press(pilot, "backspace", *"400d", "enter")
        await until_shown(pilot, "between 1 s and a year")
        await press(pilot, "escape")
        assert fleet.calls == []
        fleet.errors["set_interval"] = RefusedError("no entry of that name")
        await press(pilot, "I", "enter")
        await until_shown(pilot, "no entry of that name")


async def test_an_empty_schedule_says_why(fleet: ScriptedFleet) -> None:
    async with console(fleet) as pilot:
        await press(pilot, "8")
        await until_shown(pilot, "beat writes it when it runs for the first time")


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1.5m", 90), ("2 h", 7200), ("1D", 86400)])
def test_spans_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "-5", "5w", "1e9", "nan"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a time span is expected"):
        seconds_of(text)
