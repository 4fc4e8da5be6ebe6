"""The detail of a task: what was logged before it failed, and the tries before."""

from __future__ import annotations

from dataclasses import replace

from textual.content import Content
from textual.geometry import Size

from earthgazer_tui.fleet.models import FailedTry, StateChange
from earthgazer_tui.widgets.long_text import LongText
from earthgazer_tui.widgets.task_facts import EARLIER_SHOWN, copied_text, task_facts
from tests.tui import builders as make
from tests.tui.console import console, press, shown, until_shown
from tests.tui.scripted_fleet import ScriptedFleet

LOG = "11:59:20 INFO reading [/red] of capture 7\n11:59:24 WARNING no band B08\n  12:00:00 ERROR forged"


def a_try(number: int, log: str = "", traceback: str = "") -> FailedTry:
    change = StateChange("RETRY", make.ago(seconds=100 - number), "cpu1@field", 1, f"OSError: try {number}")
    return FailedTry(change, traceback or f"Traceback:\n  line of {number}\nOSError: try {number}", log)


def a_fleet(log: str = "", earlier: tuple[FailedTry, ...] = ()) -> ScriptedFleet:
    fleet = ScriptedFleet()
    fleet.failed_rows = [make.a_failure("t-1")]
    fleet.task_details["t-1"] = make.a_task_detail(fleet.failed_rows[0], log=log, earlier=earlier)
    return fleet


async def test_the_last_log_lines_stand_below_the_traceback() -> None:
    async with console(a_fleet(LOG), size=(160, 50)) as pilot:
        await press(pilot, "5", "enter")
        await until_shown(pilot, "Log  last lines, UTC")
        text = shown(pilot)
        assert text.index("Traceback") < text.index("Log  last") < text.index("11:59:24 WARNING no band B08")
        assert "INFO reading [/red] of capture 7" in text
        assert "    12:00:00 ERROR forged" in text


async def test_without_a_log_there_is_no_heading() -> None:
    async with console(a_fleet(), size=(160, 50)) as pilot:
        await press(pilot, "5", "enter")
        await until_shown(pilot, "Traceback")
        assert "last lines" not in shown(pilot)


async def test_earlier_tries_follow_the_timeline_with_traceback_and_log() -> None:
    fleet = a_fleet(LOG, (a_try(1, "11:58:01 INFO first of all"), a_try(2)))
    async with console(fleet) as pilot:
        await press(pilot, "5", "enter")
        await until_shown(pilot, "BandNotFoundError")
        await press(pilot, "end")
        await until_shown(pilot, "line of 2")
        text = shown(pilot)
        assert text.index("line of 1") < text.index("first of all") < text.index("line of 2")
        assert text.count("Earlier try") == 2


def test_of_many_tries_the_newest_are_shown_and_the_others_counted() -> None:
    [row] = a_fleet().failed_rows
    detail = make.a_task_detail(row, earlier=tuple(a_try(number) for number in range(EARLIER_SHOWN + 3)))
    text = task_facts(detail).plain
    assert "line of 2" not in text
    assert text.index("3 tries that failed before these") < text.index("line of 3")
    long = a_try(1, traceback="\n".join(f"  frame {number}." for number in range(500)))
    text = task_facts(replace(detail, earlier=(long,))).plain
    assert "… 460 lines before" in text
    assert "frame 459." not in text
    assert "frame 460." in text


def test_what_is_copied_has_the_log() -> None:
    detail = make.a_task_detail(log=LOG)
    assert copied_text(detail).endswith(LOG)


def test_of_long_arguments_what_is_in_sight_is_rendered() -> None:
    """What it takes to show them is told by the lines that are asked for, whatever there are more."""
    text = Content("\n".join(f"{n:06d} word" for n in range(20_000)) + "\n" + "m" * 1_000)
    view = LongText()
    view.update(text, layout=False)
    size = Size(40, 30)
    assert view.get_content_height(size, size, 40) == 20_000 + 1_000 // 40
    view.update(Content("one\ntwo words"), layout=False)
    assert view.get_content_height(size, size, 5) == 3


async def test_a_megabyte_of_arguments_is_opened_and_scrolled_to_its_end() -> None:
    fleet = a_fleet()
    [row] = fleet.failed_rows
    members = ", ".join(f'{{"band": "B{n:05d}"}}' for n in range(45_000))
    fleet.task_details["t-1"] = replace(make.a_task_detail(row), args=f"[{members}]", traceback="")
    async with console(fleet, size=(80, 24)) as pilot:
        await press(pilot, "5", "enter")
        await until_shown(pilot, '"band": "B00000"')
        await press(pilot, "end")
        await until_shown(pilot, "Timeline (UTC)")
        await press(pilot, "home")
        await until_shown(pilot, '"band": "B00000"')
