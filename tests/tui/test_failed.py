from __future__ import annotations

from dataclasses import replace

import pytest

from earthgazer_tui.fleet.errors import RefusedError, UnavailableError
from earthgazer_tui.fleet.models import ActionResult, Reply, RetryMode, RetryOffer
from earthgazer_tui.widgets.task_facts import MOST_SHOWN, pretty
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, settle, shown, until, until_shown
from tests.tui.scripted_fleet import ScriptedFleet


def some_failures() -> ScriptedFleet:
    fleet = ScriptedFleet()
    fleet.failed_rows = [
        make.a_failure("t-1", capture_id=11),
        make.a_failure(
            "t-2",
            name="earthgazer.io.download_bands",
            capture_id=12,
            attempt=2,
            error_type="ServiceUnavailableError",
            error_message="503 from https://example.org",
        ),
        make.a_failure(
            "t-3",
            name="earthgazer.cpu.temporal_analysis",
            state="PENDING",
            error_type=None,
            error_message=None,
            blocked_by="download_bands #12",
        ),
    ]
    fleet.task_details = {row.task_id: make.a_task_detail(row) for row in fleet.failed_rows}
    return fleet


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_each_failure_is_a_line_and_the_one_under_the_cursor_is_told_in_full(
    size: tuple[int, int],
) -> None:
    async with console(some_failures(), size=size) as pilot:
        await press(pilot, "5")
        line = lines_with(pilot, "download_bands")[0]
        for part in ("12", "2", "ServiceUnavai", "503 from"):
            assert part in line, part
        assert "by header download" in lines_with(pilot, "temporal_")[0]
        assert "BandNotFoundError: capture 7 has no band B08; it has B02, B03, B04" in shown(pilot)
        assert "cpu1@field · queue cpu_queue · ran 1.2s · t-1" in shown(pilot)
        await press(pilot, "down")
        assert "ServiceUnavailableError: 503 from https://example.org" in shown(pilot)


async def test_enter_shows_traceback_arguments_their_source_timeline_and_retry() -> None:
    async with console(some_failures(), size=(160, 50)) as pilot:
        await press(pilot, "5", "enter")
        await until_shown(pilot, "Traceback (most recent call last)")
        for part in (
            'File "cpu.py", line 12, in compute_ndvi',
            "Arguments  recorded message",
            '{"capture_id": 7, "index": "ndvi"}',
            "R retries in place: chain goes on: 2 steps",
            "2026-11-21 11:59:25  ▸ running",
        ):
            assert part in shown(pilot), part


async def test_the_detail_scrolls_on_a_narrow_terminal() -> None:
    fleet = some_failures()
    fleet.task_details["t-1"] = replace(
        fleet.task_details["t-1"], traceback="\n".join(f"  line {i}" for i in range(100))
    )
    async with console(fleet) as pilot:
        await press(pilot, "5", "enter")
        await until_shown(pilot, "line 3")
        assert "Timeline" not in shown(pilot)
        await press(pilot, "end")
        await until_shown(pilot, "Timeline (UTC)")


async def test_hidden_arguments_are_told_so() -> None:
    fleet = some_failures()
    fleet.task_details["t-1"] = replace(
        fleet.task_details["t-1"], is_redacted=True, kwargs="{'token': '***'}"
    )
    async with console(fleet, size=(160, 50)) as pilot:
        await press(pilot, "5", "enter")
        await until_shown(pilot, "recorded message, secrets hidden")


async def test_r_retries_the_task_under_the_cursor_after_its_dry_run() -> None:
    fleet = some_failures()
    async with console(fleet) as pilot:
        await press(pilot, "5", "down", "R")
        await until_shown(pilot, "in place  compute_ndvi t-2 → cpu_queue  chain goes on")
        assert fleet.calls == []
        await press(pilot, "y")
        await until_shown(pilot, "retry done")
        assert fleet.calls == [("retry", ("t-2",))]


async def test_what_the_workers_answered_is_shown() -> None:
    fleet = some_failures()
    fleet.results["retry"] = ActionResult(
        True, "1 message sent.", (Reply("cpu1@field", True, "revoke forgotten"),)
    )
    async with console(fleet) as pilot:
        await press(pilot, "5", "R", "y")
        await until_shown(pilot, "1 message sent.")
        assert "cpu1@field: revoke forgotten" in shown(pilot)


async def test_a_refused_retry_says_why() -> None:
    fleet = some_failures()
    fleet.errors["retry"] = RefusedError("arguments are cut: only their repr is known")
    async with console(fleet) as pilot:
        await press(pilot, "5", "R", "y")
        await until_shown(pilot, "arguments are cut")


async def test_a_refusal_known_before_is_in_the_detail() -> None:
    fleet = some_failures()
    offer = RetryOffer(RetryMode.REFUSED, "no recorded message")
    fleet.task_details["t-1"] = replace(fleet.task_details["t-1"], retry=offer)
    async with console(fleet) as pilot:
        await press(pilot, "5", "enter")
        await until_shown(pilot, "Retry refused: no recorded message")


async def test_v_refuses_what_has_ended_and_asks_for_what_has_not() -> None:
    fleet = some_failures()
    async with console(fleet) as pilot:
        await press(pilot, "5", "V")
        await until_shown(pilot, "already ended")
        assert fleet.calls == []
        await press(pilot, "end", "V")
        await until_shown(pilot, "Revoke 1 task?")
        await press(pilot, "y")
        assert fleet.calls == [("revoke", ("t-3",), False)]


async def test_x_terminates_a_running_task_from_its_detail() -> None:
    fleet = some_failures()
    running = make.a_task("t-9", state="STARTED", runtime_s=None)
    fleet.failed_rows.insert(0, running)
    fleet.task_details["t-9"] = make.a_task_detail(running, traceback="")
    async with console(fleet) as pilot:
        await press(pilot, "5", "enter")
        await until_shown(pilot, "▸ running")
        await press(pilot, "R")
        await until_shown(pilot, "revoke first")
        await press(pilot, "X")
        await until_shown(pilot, "Terminate 1 task?")
        await press(pilot, "y")
        assert fleet.calls == [("revoke", ("t-9",), True)]


async def test_dismissing_several_asks_and_they_leave_the_list() -> None:
    fleet = some_failures()
    async with console(fleet) as pilot:
        await press(pilot, "5", "D")
        assert fleet.calls == [("dismiss", ("t-1",))]
        fleet.failed_rows.pop(0)
        await until(pilot, lambda: not lines_with(pilot, "BandNotFound"), "the dismissed one is gone")
        await press(pilot, "ctrl+a", "D")
        await until_shown(pilot, "Dismiss 2 failures?")
        await press(pilot, "n")
        await settle(pilot)
        assert len(fleet.calls) == 1


async def test_foreign_words_are_shown_as_they_are() -> None:
    fleet = some_failures()
    hostile = "[/bold] [link=x]y [red]"
    fleet.failed_rows = [make.a_failure("t-1", error_message=hostile, name="app.[b]x")]
    fleet.task_details["t-1"] = make.a_task_detail(
        fleet.failed_rows[0], kwargs='{"a": "[/]"}', traceback=f"ValueError: {hostile}"
    )
    async with console(fleet, size=(140, 40)) as pilot:
        await press(pilot, "5")
        assert hostile in shown(pilot)
        assert "[b]x" in shown(pilot)
        await press(pilot, "enter")
        await until_shown(pilot, f"ValueError: {hostile}")
        assert '{"a": "[/]"}' in shown(pilot)


async def test_a_lost_database_is_told_and_the_list_stays() -> None:
    fleet = some_failures()
    async with console(fleet) as pilot:
        await press(pilot, "5")
        fleet.errors["failed"] = UnavailableError("database: connection refused")
        await until_shown(pilot, "connection refused")
        assert lines_with(pilot, "ServiceUnavai")


async def test_nothing_failed_is_good_news() -> None:
    async with console(ScriptedFleet()) as pilot:
        await press(pilot, "5")
        assert "Nothing has failed." in shown(pilot)


def test_long_literals_are_laid_out_without_being_decoded() -> None:
    text = (
        '{"name": "a, [b] \\u202e \\" {", "bbox": [1.10, 2e400, 3], "none": {}, '
        '"deep": {"id": 12345678901234567890}}'
    )

    lines = [line.strip() for line in pretty(text).split("\n")]

    assert lines == [
        "{",
        '"name": "a, [b] \\u202e \\" {",',
        '"bbox": [1.10, 2e400, 3],',
        '"none": {},',
        '"deep": {',
        '"id": 12345678901234567890',
        "}",
        "}",
    ]
    assert pretty("[7]") == "  [7]"


@pytest.mark.parametrize("text", ["[" * 30_000, '{"a": "unfinished', "}]})" * 50, "'" * 99])
def test_broken_literals_are_shown_all_the_same(text: str) -> None:
    told = pretty(text)

    assert "".join(told.split())[: len(text[:MOST_SHOWN])] == "".join(text[:MOST_SHOWN].split())
