from __future__ import annotations

import pytest

from earthgazer_tui.fleet.errors import UnavailableError
from earthgazer_tui.fleet.models import Diagnosis, Severity
from earthgazer_tui.screens.findings import Findings
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, settle, shown, until, until_shown
from tests.tui.scripted_fleet import ScriptedFleet


def a_sick_fleet() -> ScriptedFleet:
    fleet = ScriptedFleet()
    warning = make.a_finding(
        "memory", severity=Severity.WARNING, subject="broker", evidence="81 % used", fix="raise maxmemory"
    )
    fleet.diagnosis = Diagnosis((make.a_finding(), warning), 30, 2.1)
    row = make.a_task("t-1", state="PENDING")
    fleet.task_rows = [row]
    fleet.failed_rows = [make.a_failure("t-bad")]
    fleet.task_details = {"t-1": make.a_task_detail(row)}
    fleet.explanations = {"t-1": (make.a_finding("task-in-queue", subject="task t-1"),)}
    return fleet


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_findings_are_listed_and_the_one_under_the_cursor_is_told_in_full(
    size: tuple[int, int],
) -> None:
    async with console(a_sick_fleet(), size=size) as pilot:
        await press(pilot, "0")
        await until_shown(pilot, "2 findings, 1 critical  30 checks in 2.1s")
        assert "✗ critical" in lines_with(pilot, "queue maintenance")[0]
        assert "! warning" in lines_with(pilot, "81 % used")[0]
        assert "fix: earthgazer worker maintenance" in shown(pilot)
        await press(pilot, "down")
        assert "fix: raise maxmemory" in shown(pilot)


async def test_enter_shows_all_of_one() -> None:
    async with console(a_sick_fleet()) as pilot:
        await press(pilot, "0", "enter")
        await until_shown(pilot, "Copy the fix")
        assert isinstance(pilot.app.screen, Findings)
        assert "consumes it" in shown(pilot)
        await press(pilot, "escape")
        await until(pilot, lambda: "Copy the fix" not in shown(pilot))


async def test_progress_is_told_and_a_second_look_waits_for_the_first() -> None:
    fleet = a_sick_fleet()
    fleet.may_diagnose.clear()
    async with console(fleet) as pilot:
        await pilot.press("0")
        await until_shown(pilot, "… 0/30  asking broker, workers and database")
        await pilot.press("ctrl+r", "r")
        fleet.may_diagnose.set()
        await until_shown(pilot, "2 findings")
        await settle(pilot)
        assert fleet.asked.count(("diagnose",)) == 1


async def test_it_looks_once_and_again_on_demand() -> None:
    fleet = a_sick_fleet()
    async with console(fleet) as pilot:
        await press(pilot, "0", "1", "0")
        for _ in range(4):
            await pilot.pause(0.06)
        assert fleet.asked.count(("diagnose",)) == 1
        fleet.diagnosis = Diagnosis((), 30, 2.0)
        await press(pilot, "ctrl+r")
        await until_shown(pilot, "✓ Nothing is wrong.")
        assert fleet.asked.count(("diagnose",)) == 2
        assert not lines_with(pilot, "queue maintenance")


async def test_a_doctor_who_can_t_look_says_why() -> None:
    fleet = a_sick_fleet()
    fleet.errors["diagnose"] = UnavailableError("no answer in 40 s")
    async with console(fleet) as pilot:
        await press(pilot, "0")
        await until_shown(pilot, "no answer in 40 s")
        del fleet.errors["diagnose"]
        await press(pilot, "r")
        await until_shown(pilot, "2 findings")


@pytest.mark.parametrize("keys", [("7", "w"), ("7", "enter", "w")])
async def test_w_says_why_a_task_is_pending(keys: tuple[str, ...]) -> None:
    fleet = a_sick_fleet()
    async with console(fleet) as pilot:
        await press(pilot, *keys)
        await until_shown(pilot, "task-in-queue")
        assert "fix: earthgazer worker maintenance" in shown(pilot)
        assert fleet.asked.count(("explain", "t-1")) == 1


async def test_w_on_a_task_that_ended_well_says_so_and_tells_what_can_t_be_asked() -> None:
    fleet = a_sick_fleet()
    async with console(fleet) as pilot:
        await press(pilot, "5", "w")
        await until_shown(pilot, "Nothing is wrong: it ended well.")
        fleet.errors["explain"] = UnavailableError("broker unavailable")
        await press(pilot, "escape", "w")
        await until_shown(pilot, "broker unavailable")


async def test_f_mends_what_the_console_can_after_asking() -> None:
    fleet = a_sick_fleet()
    paused = make.a_finding(
        "queue-paused", subject="queue steps", fix="earthgazer queues resume steps",
        remedy="let the queue steps go on", number=7,
    )  # fmt: skip
    fleet.diagnosis = Diagnosis((paused, *fleet.diagnosis.findings), 30, 2.1)
    async with console(fleet) as pilot:
        await press(pilot, "0")
        await until_shown(pilot, "F: let the queue steps go on")
        await press(pilot, "F")
        await until_shown(pilot, "Mend 1 finding?")
        assert "queue steps: let the queue steps go on" in shown(pilot)
        await press(pilot, "n")
        await press(pilot, "end", "F")
        await until_shown(pilot, "That is for people: y copies 'raise maxmemory'")
        assert fleet.calls == []
        await press(pilot, "ctrl+a", "F")
        await until_shown(pilot, "2 others not mended from here")
        looked = fleet.asked.count(("diagnose",))
        await press(pilot, "y")
        await until_shown(pilot, "apply_remedies done")
        assert fleet.calls == [("apply_remedies", (7,))]
        await until(pilot, lambda: fleet.asked.count(("diagnose",)) == looked + 1)


async def test_f_mends_from_the_finding_of_a_task() -> None:
    fleet = a_sick_fleet()
    fleet.explanations["t-1"] = (
        make.a_finding("queue-paused", subject="task t-1", remedy="let the queue steps go on", number=3),
    )
    async with console(fleet) as pilot:
        await press(pilot, "7", "w")
        await until_shown(pilot, "F  Mend it")
        await press(pilot, "F")
        await until_shown(pilot, "Mend 1 finding?")
        await press(pilot, "y")
        await until_shown(pilot, "apply_remedies done")
        assert fleet.calls == [("apply_remedies", (3,))]


async def test_a_read_only_console_mends_nothing() -> None:
    fleet = a_sick_fleet()
    fleet.explanations["t-1"] = (make.a_finding("queue-paused", remedy="let it go on", number=3),)
    fleet.diagnosis = Diagnosis(fleet.explanations["t-1"], 30, 2.1)
    async with console(fleet, is_read_only=True) as pilot:
        await press(pilot, "0", "F")
        await press(pilot, "7", "w")
        await until_shown(pilot, "queue-paused")
        assert "Mend it" not in shown(pilot)
        await press(pilot, "F", "escape")
        assert fleet.calls == []
