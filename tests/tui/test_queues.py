from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from earthgazer_tui.commands.moving import read_target
from earthgazer_tui.fleet.errors import FleetError, RefusedError, UnavailableError, UnsureError
from earthgazer_tui.fleet.models import ActionResult, Place, QueueHour, QueuePause, Reply
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.queue_cells import coarse, consumers_cell, drain_cell, held_cell, oldest_cell
from earthgazer_tui.widgets.queue_facts import queue_facts
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, shown, until, until_shown
from tests.tui.scripted_fleet import ScriptedFleet


async def test_queues_show_depth_by_priority_and_what_workers_hold() -> None:
    queue = make.a_queue(
        "io_queue",
        130,
        by_priority=((0, 12), (3, 100), (9, 18)),
        unacked=4,
        oldest_unacked_s=33.0,
        history=(0, 10, 130),
    )
    fleet = ScriptedFleet(make.a_snapshot(queues=(make.a_queue("default"), queue)))
    async with console(fleet) as pilot:
        await press(pilot, "3")
        assert "30s/15m" in lines_with(pilot, "io_queue")[0]
        await press(pilot, "down")
        assert "12" in lines_with(pilot, "priority 0")[0]
        assert "100" in lines_with(pilot, "priority 3")[0]
        assert "4 by workers, oldest 30s, given away after 15m" in shown(pilot)


async def test_a_queue_that_nobody_consumes_says_so_in_words() -> None:
    fleet = ScriptedFleet(make.a_snapshot(queues=(make.a_queue("maintenance", 3, consumers=0),)))
    async with console(fleet) as pilot:
        await press(pilot, "3")
        assert "none!" in lines_with(pilot, "maintenance")[0]
        assert "no worker consumes this queue" in shown(pilot)


async def test_a_queue_whose_holder_answers_nothing_is_not_called_unconsumed() -> None:
    queue = make.a_queue("slow", 2, consumers=0, unacked=1, oldest_unacked_s=10.0)
    async with console(ScriptedFleet(make.a_snapshot(queues=(queue,)))) as pilot:
        await press(pilot, "3")
        assert "no worker that answers consumes it: who holds messages of it is busy" in shown(pilot)


async def test_where_to_move_says_what_can_be_typed_until_it_is_wrong() -> None:
    fleet = ScriptedFleet(make.a_snapshot(queues=(make.a_queue("io_queue", 3), make.a_queue("default"))))
    async with console(fleet) as pilot:
        await press(pilot, "3", "A")
        assert "or both: default p3" in shown(pilot)
        assert "name a queue" not in shown(pilot)
        await press(pilot, "enter")
        assert "name a queue" in shown(pilot)
        await press(pilot, *"io_queue")
        assert "they are in io_queue already" in shown(pilot)
        assert "or both: default p3" in shown(pilot)


@pytest.mark.parametrize(
    ("depth", "consumers", "in_rate", "out_rate", "text"),
    [
        (0, 1, 1.0, 1.0, "empty"),
        (10, 0, 0.0, 0.0, "stuck"),
        (10, 1, None, 2.0, "–"),
        (120, 1, 1.0, 2.0, "2m00s"),
        (10, 1, 2.0, 1.0, "grows"),
        (10, 1, 1.0, 1.0, "holds"),
    ],
)
def test_time_to_drain(
    depth: int, consumers: int, in_rate: float | None, out_rate: float | None, text: str
) -> None:
    queue = make.a_queue(depth=depth, consumers=consumers, in_rate=in_rate, out_rate=out_rate)
    assert drain_cell(queue).plain == text


@pytest.mark.parametrize(
    ("consumers", "depth", "text"), [(None, 1, "?"), (0, 0, "none"), (0, 1, "none!"), (3, 1, "3")]
)
def test_consumers(consumers: int | None, depth: int, text: str) -> None:
    assert consumers_cell(make.a_queue(depth=depth, consumers=consumers)).plain == text


def test_a_message_held_for_most_of_the_timeout_is_alarming() -> None:
    assert oldest_cell(make.a_queue(oldest_unacked_s=800.0, visibility_timeout_s=930.0)).plain.endswith("!")
    assert not oldest_cell(make.a_queue(oldest_unacked_s=80.0)).plain.endswith("!")


@pytest.mark.parametrize(("seconds", "text"), [(3, "<10s"), (47, "40s"), (119, "1m"), (7300, "2h01m")])
def test_coarse_spans_seldom_change(seconds: float, text: str) -> None:
    assert coarse(seconds) == text


def a_fleet_with_messages() -> ScriptedFleet:
    fleet = ScriptedFleet(
        make.a_snapshot(
            queues=(
                make.a_queue("default"),
                make.a_queue("io_queue", 3, unacked=2, oldest_unacked_s=800.0, timed=1),
            )
        )
    )
    fleet.queue_messages = {
        "default": (),
        "io_queue": (
            make.a_message("k1"),
            make.a_message("k2", position=1, name="shop.pay", follows=("shop.ship", "shop.mail")),
            make.a_message("k3", position=2, priority=3, is_redelivered=True, retries=2),
            make.a_message("h1", place=Place.HELD, position=None, held_s=800.0, given_back_in_s=130.0),
            make.a_message(
                "h2", place=Place.TIMED, position=None, held_s=20.0, given_back_in_s=910.0,
                eta=datetime.now(UTC) + timedelta(hours=3), is_eta_too_far=True,
            ),
        ),
    }  # fmt: skip
    return fleet


async def look_in(pilot: Pilot[None]) -> None:
    await press(pilot, "3", "down", "enter")
    await until_shown(pilot, "3 messages waiting")


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_a_queue_is_looked_into_next_first_then_what_workers_hold(size: tuple[int, int]) -> None:
    async with console(a_fleet_with_messages(), size=size) as pilot:
        await look_in(pilot)
        assert "2 held" in shown(pilot)
        assert "1 until their time" in shown(pilot)
        assert "io.download_bands" in lines_with(pilot, "next")[0]
        assert "↻2" in lines_with(pilot, "k3-0000-")[0]
        assert "for 13m!" in lines_with(pilot, "h1-0000-")[0]
        assert "in 2 h!" in lines_with(pilot, "h2-0000-")[0]
        await press(pilot, "down")
        assert "then shop.ship → shop.mail" in shown(pilot)
        await press(pilot, "end")
        assert "given away before its time: it will run twice" in shown(pilot)


async def test_refreshing_moves_neither_cursor_nor_marks() -> None:
    fleet = a_fleet_with_messages()
    async with console(fleet) as pilot:
        await look_in(pilot)
        await press(pilot, "space", "down")
        first, *others = fleet.queue_messages["io_queue"]
        fleet.queue_messages["io_queue"] = (make.a_message("k0", task_id="urgent"), first, *others)
        await until_shown(pilot, "4 messages waiting")
        table = pilot.app.screen.query_one("#messages", LineTable)
        assert table.cursor_row is not None
        assert table.cursor_row.message.key == "k3"
        assert [line.message.key for line in table.marked] == ["k1"]


async def test_a_message_is_opened_with_all_that_it_says() -> None:
    fleet = a_fleet_with_messages()
    message = fleet.queue_messages["io_queue"][1]
    fleet.message_details["k2"] = make.a_message_detail(
        message, links=("shop.thank",), error_links=("shop.alarm",), args='["[/bold]"]'
    )
    async with console(fleet, size=(80, 40)) as pilot:
        await look_in(pilot)
        await press(pilot, "down", "enter")
        await until_shown(pilot, "shop.ship → shop.mail")
        for words in ("shop.thank", "shop.alarm", '["[/bold]"]', "root-1", "application/json", "lang"):
            assert words in shown(pilot)
        fleet.message_details["k2"] = make.a_message_detail(message, is_gone=True)
        await until_shown(pilot, "no longer there")
        await press(pilot, "escape")
        await until_shown(pilot, "3 messages waiting")


async def test_marked_messages_are_deleted_after_a_yes() -> None:
    fleet = a_fleet_with_messages()
    async with console(fleet) as pilot:
        await look_in(pilot)
        await press(pilot, "space", "space", "D")
        await until_shown(pilot, "Delete 2 messages of io_queue?")
        assert "What comes after them never runs" in " ".join(shown(pilot).split())
        await press(pilot, "enter")
        assert fleet.calls == []
        await press(pilot, "D", "y")
        await until_shown(pilot, "delete_messages done")
        assert fleet.calls == [("delete_messages", "io_queue", ("k1", "k2"))]


@pytest.mark.parametrize(
    ("typed", "target"),
    [
        ("default", ("default", None)),
        ("p0", (None, 0)),
        (" default p9 ", ("default", 9)),
        ("two words", ("two words", None)),
        ("p10", ("p10", None)),
    ],
)
def test_where_to_is_read(typed: str, target: tuple[str | None, int | None]) -> None:
    assert read_target(typed) == target


async def test_messages_go_to_another_queue_and_priority_after_a_dry_run() -> None:
    fleet = a_fleet_with_messages()
    async with console(fleet) as pilot:
        await look_in(pilot)
        await press(pilot, "down", "M")
        await until_shown(pilot, "Where should the message of io_queue go?")
        assert "default" in shown(pilot)
        await press(pilot, *"io_queue", "enter")
        await until_shown(pilot, "they are in io_queue already")
        await press(pilot, "home", *(["delete"] * 8), *"default p3", "enter")
        await until_shown(pilot, "Move 1 message to default at priority 3?")
        assert "p0  pay k2-0000-  " in shown(pilot)
        await press(pilot, "y")
        await until_shown(pilot, "move_messages done")
        assert fleet.calls == [("move_messages", "io_queue", ("k2",), "default", 3)]
        await press(pilot, "A", *"default", "enter", "y")
        await until(pilot, lambda: len(fleet.calls) == 2)
        assert fleet.calls[1] == ("move_messages", "io_queue", None, "default", None)


async def test_what_a_worker_holds_is_left_alone() -> None:
    fleet = a_fleet_with_messages()
    async with console(fleet) as pilot:
        await look_in(pilot)
        await press(pilot, "end", "D")
        await until_shown(pilot, "A worker holds this message")
        await press(pilot, "M", "ctrl+a", "D")
        await until_shown(pilot, "Workers hold 2 of these")
        assert fleet.calls == []


async def test_a_purge_shows_what_and_how_many_first() -> None:
    fleet = a_fleet_with_messages()
    async with console(fleet) as pilot:
        await press(pilot, "3", "down", "X")
        await until_shown(pilot, "Delete 5 messages of io_queue?")
        assert "p0: 5" in shown(pilot)
        assert "2 held by workers stay" in shown(pilot)
        await press(pilot, "enter")
        assert fleet.calls == []
        await press(pilot, "X", "y")
        await until_shown(pilot, "purge_queue done")
        assert fleet.calls == [("purge_queue", "io_queue", "t1")]


@pytest.mark.parametrize(
    ("error", "severity"),
    [
        (UnsureError("the broker's answer is lost: look into io_queue"), "warning"),
        (UnavailableError("broker unavailable"), "error"),
    ],
)
async def test_what_may_have_been_done_is_told_as_a_warning(error: FleetError, severity: str) -> None:
    fleet = a_fleet_with_messages()
    fleet.errors["purge_queue"] = error
    async with console(fleet) as pilot:
        await press(pilot, "3", "down", "X", "y")
        await until_shown(pilot, str(error))
        assert [toast.has_class(f"-{severity}") for toast in pilot.app.screen.query(Toast)] == [True]


async def test_a_queue_is_paused_and_shows_by_whom() -> None:
    fleet = a_fleet_with_messages()
    fleet.results["pause_queue"] = ActionResult(
        True, "paused on 1 worker", (Reply("io1@field", True, "no longer consuming from io_queue"),)
    )
    async with console(fleet) as pilot:
        await press(pilot, "3", "down", "R")
        await until_shown(pilot, "io_queue is not paused")
        await press(pilot, "P")
        await until_shown(pilot, "io1@field: no longer consuming")
        pause = QueuePause("ada from 10.0.0.7", make.ago(minutes=5), ("io1@field",), False)
        paused = make.a_queue("io_queue", 3, consumers=0, pause=pause)
        fleet.push(make.a_snapshot(queues=(make.a_queue("default"), paused)))
        await until_shown(pilot, "paused by ada from 10.0.0.7 since 11:55:00 UTC")
        assert "paused" in lines_with(pilot, "io_queue  ")[0]
        assert "none!" not in shown(pilot)
        await press(pilot, "R")
        await until_shown(pilot, "resume_queue done")
        assert fleet.calls == [("pause_queue", "io_queue"), ("resume_queue", "io_queue")]


async def test_read_only_has_none_of_these_keys() -> None:
    fleet = a_fleet_with_messages()
    fleet.message_details["k1"] = make.a_message_detail()
    async with console(fleet, is_read_only=True) as pilot:
        await press(pilot, "3", "down", "P", "R", "A", "X")
        await look_in(pilot)
        await press(pilot, "D", "M", "A", "P", "R", "X", "enter")
        await until_shown(pilot, "What comes after it")
        await press(pilot, "D", "M")
        assert (fleet.calls, [name for name, *_ in fleet.asked if name.startswith("plan")]) == ([], [])
        assert not pilot.app.screen.is_modal


async def test_a_queue_that_vanished_and_a_broker_that_refuses_are_one_line() -> None:
    fleet = a_fleet_with_messages()
    async with console(fleet) as pilot:
        await look_in(pilot)
        fleet.errors["delete_messages"] = RefusedError("the broker refuses: OOM command not allowed")
        await press(pilot, "D", "y")
        await until_shown(pilot, "the broker refuses: OOM")
        del fleet.queue_messages["io_queue"]
        await until_shown(pilot, "there is no queue io_queue")
        await until_shown(pilot, "Nothing waits here")
        await press(pilot, "D")
        await until_shown(pilot, "Nothing is chosen")
        assert fleet.calls == []


@pytest.mark.parametrize(("minutes", "words"), [(90, "over the last hour"), (12, "when this console began")])
async def test_the_last_hour_is_shown_as_far_as_it_was_watched(minutes: int, words: str) -> None:
    fleet = a_fleet_with_messages()
    samples = tuple((make.ago(seconds=60 * minute), minute % 9) for minute in range(minutes, 0, -1))
    fleet.hours["default"] = QueueHour("default", samples)
    async with console(fleet) as pilot:
        await press(pilot, "3")
        await until_shown(pilot, words)
        assert "█" in lines_with(pilot, "▁")[-1]
    async with console(fleet, size=(160, 50)) as pilot:
        await press(pilot, "3")
        await until_shown(pilot, words)
        assert "⠈" in shown(pilot) or "⣀" in shown(pilot) or "⠤" in shown(pilot) or "⡠" in shown(pilot)


@pytest.mark.parametrize(("change", "text"), [(None, "–"), (-2.0, "5.0s"), (1.0, "grows"), (0.0, "holds")])
def test_time_to_drain_by_depth_alone(change: float | None, text: str) -> None:
    queue = make.a_queue(depth=10, in_rate=None, out_rate=None, change_rate=change)
    assert drain_cell(queue).plain == text


def test_a_queue_whose_messages_have_no_timeout_can_be_shown() -> None:
    queue = make.a_queue(unacked=3, visibility_timeout_s=math.inf)
    assert "given back when a worker goes" in queue_facts(queue, None, make.NOW, 80, with_trend=True).plain
    assert held_cell(make.a_queue(unacked=None)) == "–"
