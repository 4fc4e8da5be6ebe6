from __future__ import annotations

import pytest

from earthgazer_tui.widgets.queue_cells import coarse, consumers_cell, drain_cell, oldest_cell
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, shown
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
        assert "4 by workers, the oldest for 30s" in shown(pilot)
        assert "at most 130" in shown(pilot)


async def test_a_queue_that_nobody_consumes_says_so_in_words() -> None:
    fleet = ScriptedFleet(make.a_snapshot(queues=(make.a_queue("maintenance", 3, consumers=0),)))
    async with console(fleet) as pilot:
        await press(pilot, "3")
        assert "none!" in lines_with(pilot, "maintenance")[0]
        assert "no worker consumes this queue" in shown(pilot)


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
