"""Retry of one, many and all that match; with other arguments; and of whole runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from earthgazer_tui.commands.retry import rate_complaint
from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.models import EditableArguments, FailureGroup, ResumePlan, RetryPlanItem, TaskLink
from earthgazer_tui.screens.edit_arguments import ArgumentsArea
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, settle_unless_asked, shown, until, until_shown
from tests.tui.scripted_fleet import ScriptedFleet

SIZES = [(80, 24), (160, 50)]
ARGUMENTS = '{\n  "args": [\n    7\n  ],\n  "kwargs": {}\n}\n'


def failures(count: int) -> ScriptedFleet:
    fleet = ScriptedFleet()
    fleet.failed_rows = [make.a_failure(f"t-{number}") for number in range(count)]
    fleet.task_details = {row.task_id: make.a_task_detail(row) for row in fleet.failed_rows}
    fleet.editable["t-0"] = EditableArguments("t-0", "earthgazer.cpu.ndvi", ARGUMENTS, "recorded message")
    fleet.group_rows = [
        FailureGroup(
            "abc", "earthgazer.cpu.compute_ndvi", "BandNotFoundError", "capture <n> has no band", "capture 7",
            "raster/bands.py:find", 3, make.ago(hours=2), make.ago(minutes=1), ("t-0", "t-1", "t-2"), False,
        ),
        FailureGroup(
            "def", "earthgazer.cpu.die", "DeadLetterError", "killed twice", "killed twice", "", 1,
            make.ago(hours=3), make.ago(hours=3), ("t-9",), True,
        ),
    ]  # fmt: skip
    return fleet


@pytest.mark.parametrize("size", SIZES)
async def test_several_go_one_by_one_at_a_rate_after_the_dry_run(size: tuple[int, int]) -> None:
    fleet = failures(3)
    fleet.plan_items["t-1"] = RetryPlanItem("t-1", "cpu.ndvi", None, "refused", "its message is gone [b]")
    async with console(fleet, size=size) as pilot:
        await press(pilot, "5", "ctrl+a", "R")
        for part in ("Retry 2 tasks?", "in place  compute_ndvi t-0 → cpu_queue", "its message is gone [b]",
                     "1 task can't be retried", " y  Retry", " c  As copies"):  # fmt: skip
            assert part in shown(pilot), part
        await press(pilot, "R", "5", "slash", "y")
        assert "a rate is expected" in shown(pilot)
        await press(pilot, "s", "c")
        assert "copy      compute_ndvi t-0" in shown(pilot)
        await press(pilot, "y")
        await until_shown(pilot, "retry_bulk done")
        [order] = fleet.orders
        assert (order.task_ids, order.copy, order.rate) == (("t-0", "t-1", "t-2"), True, "5/s")


async def test_a_no_sends_nothing_and_what_is_refused_can_t_be_sent() -> None:
    fleet = failures(1)
    async with console(fleet) as pilot:
        await press(pilot, "5", "R", "n", "R", "escape")
        fleet.plan_items["t-0"] = RetryPlanItem("t-0", "cpu.ndvi", None, "refused", "hidden")
        await press(pilot, "R")
        await until_shown(pilot, "Nothing of this can be retried")
        await press(pilot, "y", "enter", "escape")
        assert fleet.calls == []


async def test_one_as_a_copy() -> None:
    fleet = failures(1)
    async with console(fleet) as pilot:
        await press(pilot, "5", "R", "c", "y")
        assert fleet.calls == [("retry", ("t-0",), "copy")]


async def test_all_that_match_are_more_than_the_rows_that_are_loaded() -> None:
    fleet = failures(500)
    fleet.matching_ids = tuple(f"m-{number}" for number in range(2000))
    fleet.plan_note = "3 dismissed are left out"
    async with console(fleet, size=(120, 40)) as pilot:
        await press(pilot, "5", "ctrl+a", "R")
        for part in ("Retry 2000 tasks?", "2000 × compute_ndvi  failure → cpu_queue", "and 1997 more",
                     "3 dismissed are left out"):  # fmt: skip
            assert part in shown(pilot), part
        await press(pilot, "y")
        await until(pilot, lambda: bool(fleet.orders))
        assert (fleet.orders[0].task_ids, fleet.orders[0].said) == (fleet.matching_ids, "(all)")
        assert ("plan_retry", (), "") in fleet.asked


@pytest.mark.parametrize("size", SIZES)
async def test_a_retry_under_way_is_told_shown_again_and_stopped(size: tuple[int, int]) -> None:
    fleet = failures(3)
    fleet.may_step.clear()
    async with console(fleet, size=size) as pilot:
        await press(pilot, "5", "ctrl+a", "R", "enter")
        await until_shown(pilot, "Retry of 3 tasks")
        await pilot.press("escape")
        await until_shown(pilot, "b shows, stops it")
        await pilot.press("R")
        await until_shown(pilot, "Retry 3 tasks?")
        await pilot.press("y")
        await until_shown(pilot, "is under way")
        assert len(fleet.orders) == 1
        await pilot.press("b")
        await until_shown(pilot, "Retry of 3 tasks")
        await pilot.press("x")
        await until_shown(pilot, "stopping")
        fleet.may_step.set()
        await until_shown(pilot, "0 of 3 retried: stopped")


@pytest.mark.parametrize("size", SIZES)
async def test_failures_by_kind_are_the_subjects_of_retry_and_dismiss(size: tuple[int, int]) -> None:
    fleet = failures(3)
    fleet.tracebacks["t-0"] = 'Traceback:\n  File "a.py", line 3, in find\n    [/red] raise\nBandError'
    async with console(fleet, size=size) as pilot:
        await press(pilot, "5", "tab")
        assert "3" in lines_with(pilot, "capture <n>")[0]
        assert "dead letter" in lines_with(pilot, "killed twice")[0]
        await until_shown(pilot, "[/red] raise")
        await press(pilot, "R", "y")
        await until(pilot, lambda: bool(fleet.orders))
        assert fleet.orders[0].task_ids == ("t-0", "t-1", "t-2")
        await press(pilot, "D", "y")
        assert fleet.calls[-1] == ("dismiss", ("t-0", "t-1", "t-2"))
        await press(pilot, "enter")
        await until_shown(pilot, "raster/bands.py:find")
        await until(pilot, lambda: len(lines_with(pilot, "BandNotFoundE")) >= 3)
        await press(pilot, "escape", "tab")
        assert ("failed", "error:DeadLetterError") in fleet.asked


@pytest.mark.parametrize("size", SIZES)
async def test_arguments_are_judged_as_they_are_typed_and_the_difference_comes_first(
    size: tuple[int, int],
) -> None:
    fleet = failures(1)
    async with console(fleet, size=size) as pilot:
        await press(pilot, "5", "A")
        await until_shown(pilot, "arguments: recorded message")
        await press(pilot, "down", "down", "end", "x")
        await until_shown(pilot, "line 3, column")
        await press(pilot, "ctrl+s")
        assert "Send a copy" not in shown(pilot)
        await press(pilot, "end", "backspace", "1", "ctrl+s")
        await until_shown(pilot, "Send a copy")
        assert fleet.calls == []
        await press(pilot, "n", "end", "backspace", "2", "ctrl+s")
        await until_shown(pilot, "Send a copy")
        await press(pilot, "y")
        await until(pilot, lambda: bool(fleet.calls))
        [(verb, task_id, text)] = fleet.calls
        assert (verb, task_id) == ("retry_edited", "t-0")
        assert "    72\n" in text


async def test_what_is_pasted_is_harmless_and_leaving_a_change_asks() -> None:
    fleet = failures(1)
    async with console(fleet) as pilot:
        await press(pilot, "5", "A")
        await until_shown(pilot, "arguments: recorded message")
        area = pilot.app.screen.query_one(ArgumentsArea)
        from textual.events import Paste

        area.post_message(Paste("[/bold]\x1b[31m\u202e\r\n1\t2"))
        await until(pilot, lambda: area.text.startswith("[/bold][31m\n1  2"), "the paste")
        await press(pilot, "escape")
        await until_shown(pilot, "esc again throws it away")
        await press(pilot, "escape")
        await settle_unless_asked(pilot)
        assert not pilot.app.screen.is_modal
        assert fleet.calls == []


async def test_hidden_arguments_are_not_edited() -> None:
    fleet = failures(2)
    fleet.errors["editable_arguments"] = RefusedError("its arguments are hidden")
    async with console(fleet) as pilot:
        await press(pilot, "5", "A")
        await until_shown(pilot, "its arguments are hidden")
        await press(pilot, "ctrl+a", "A")
        await until_shown(pilot, "arguments are changed of one task")


@pytest.mark.parametrize("size", SIZES)
async def test_a_task_leads_to_those_linked_with_it(size: tuple[int, int]) -> None:
    fleet = failures(2)
    links = (
        TaskLink("parent", "t-1", "earthgazer.io.download", "SUCCESS"),
        TaskLink("next", "t-8", "earthgazer.cpu.rgb", "FUTURE"),
    )
    fleet.task_details["t-0"] = replace(fleet.task_details["t-0"], links=links)
    async with console(fleet, size=size) as pilot:
        await press(pilot, "5", "enter")
        await until_shown(pilot, "· to come")
        assert "io.download" in lines_with(pilot, "parent  ")[-1]
        await press(pilot, "tab", "down", "enter")
        await until_shown(pilot, "yet to be published")
        await press(pilot, "up", "enter")
        await until(pilot, lambda: getattr(pilot.app.screen, "task_id", "") == "t-1")


async def test_r_resumes_a_run_after_its_dry_run() -> None:
    fleet = ScriptedFleet()
    fleet.run_rows = [make.a_run(state="failed", failed=1)]
    async with console(fleet) as pilot:
        await press(pilot, "4", "R")
        for part in ("Resume process_single_capture?", "in place", "follows", "2 that succeeded stay"):
            assert part in shown(pilot), part
        await press(pilot, "y")
        assert fleet.calls == [("resume_run", "run-1")]
        fleet.resume_plans["run-1"] = ResumePlan((), "", "nothing of it is left to run")
        await press(pilot, "R")
        await until_shown(pilot, "nothing of it is left to run")
        assert len(fleet.calls) == 1


@pytest.mark.parametrize("rate", ["", " ", "5/s", "30/m", "100 / h", "2.5", "1000000/s"])
def test_a_rate_that_can_be_read(rate: str) -> None:
    assert rate_complaint(rate) == ""


@pytest.mark.parametrize("rate", ["0", "0/s", "5/", "/s", "5/d", "-1/s", "5 per s", "2000000", "."])
def test_a_rate_that_can_t(rate: str) -> None:
    assert "expected" in rate_complaint(rate)
