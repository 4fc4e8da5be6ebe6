from __future__ import annotations

from datetime import timedelta

import pytest

from earthgazer_tui.fleet.models.history import Percentiles
from earthgazer_tui.screens.history import SPANS
from earthgazer_tui.widgets.history_plot import Measure, draw_history
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, settle, shown, until, until_shown
from tests.tui.scripted_fleet import ScriptedFleet


def a_past() -> ScriptedFleet:
    fleet = ScriptedFleet()
    fleet.histories = {
        "task": make.a_history(),
        "queue": make.a_history(groups=(make.a_group("all", is_total=True), make.a_group("cpu_queue"))),
    }
    fleet.action_rows = [
        make.an_action(1),
        make.an_action(2, action="queue.purge", outcome="refused", target="queue steps", who="joão"),
    ]
    return fleet


def spans_asked(fleet: ScriptedFleet) -> list[timedelta]:
    return [question[1] for question in fleet.asked if question[0] == "history"]


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_each_task_has_counts_failures_and_percentiles(size: tuple[int, int]) -> None:
    async with console(a_past(), size=size) as pilot:
        await press(pilot, "9")
        line = lines_with(pilot, "cpu.compute")[0]
        for part in ("573", "1%", "1.4s", "3.8s", "12s", "0.3s", "1m35s", "–"):
            assert part in line, part
        assert " 24h " in shown(pilot)
        assert "ended in 15m00s each, at most 12  × failed: 4" in shown(pilot)


async def test_the_plot_is_of_the_row_under_the_cursor() -> None:
    async with console(a_past(), size=(120, 40)) as pilot:
        await press(pilot, "9")
        assert lines_with(pilot, "all  ended in")
        await press(pilot, "down")
        assert lines_with(pilot, "earthgazer.cpu.compute_ndvi  ended in")


async def test_t_and_brackets_choose_the_span() -> None:
    fleet = a_past()
    async with console(fleet) as pilot:
        await press(pilot, "9", "left_square_bracket", "left_square_bracket", "left_square_bracket", "t")
        await press(pilot, *["right_square_bracket"] * 5, "t")
        assert spans_asked(fleet) == [SPANS[k][1] for k in (2, 1, 0, 1, 2, 3, 4, 5, 0)]


async def test_a_counting_is_not_repeated_each_second_but_on_demand() -> None:
    fleet = a_past()
    async with console(fleet) as pilot:
        await press(pilot, "9")
        n = fleet.asked.count(("history", SPANS[2][1], "task"))
        for _ in range(5):
            await pilot.pause(0.06)
        assert len(spans_asked(fleet)) == n == 1
        await press(pilot, "ctrl+r")
        assert len(spans_asked(fleet)) == 2


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_tab_shows_queues_and_then_what_operators_did(size: tuple[int, int]) -> None:
    async with console(a_past(), size=size) as pilot:
        await press(pilot, "9", "tab")
        await until_shown(pilot, "cpu_queue")
        await press(pilot, "tab")
        line = lines_with(pilot, "queue.purge")[0]
        for part in ("joão", "queue steps", "refused"):
            assert part in line, part
        assert "by      maria  ssh 10.0.0.7:51022 · embedded" in shown(pilot)
        assert "attempt 2" in shown(pilot)
        await press(pilot, "tab")
        await until_shown(pilot, "Wait p50")
        await press(pilot, "shift+tab")
        await until_shown(pilot, "queue.purge")


async def test_the_filter_finds_names_and_actions() -> None:
    fleet = a_past()
    async with console(fleet) as pilot:
        await press(pilot, "9", "slash")
        await pilot.press(*"download")
        await until(pilot, lambda: not lines_with(pilot, "cpu.compute"))
        assert lines_with(pilot, "io.download")
        await press(pilot, "down", "tab", "tab")
        await until(pilot, lambda: ("actions", "download") in fleet.asked)
        await settle(pilot)
        assert "nothing matches the filter" in shown(pilot)


async def test_nothing_ended_is_said_so(fleet: ScriptedFleet) -> None:
    nothing = make.a_group(
        "all", is_total=True, count=0, failed=0, failed_percent=None, throughput=(0,) * 97, failures=(0,) * 97
    )
    fleet.histories["task"] = make.a_history(groups=(nothing,))
    async with console(fleet) as pilot:
        await press(pilot, "9")
        await until_shown(pilot, "nothing ended in this span")


@pytest.mark.parametrize("most", [1, 2, 9, 10, 11, 99_999])
def test_the_plot_fits_and_its_axis_is_round(most: int) -> None:
    group = make.a_group("t", count=most, throughput=(0, most, 0), failures=(0, 1, 0))
    lines = draw_history(make.a_history(), group, Measure.THROUGHPUT, 60, 10).plain.splitlines()
    assert len(lines) <= 10
    assert all(len(line) <= 60 for line in lines)
    assert any("×" in line for line in lines[1:])
    assert int(lines[1].split()[0].rstrip("┤┼│")) >= most


async def test_d_asks_for_a_span_of_any_length() -> None:
    fleet = a_past()
    async with console(fleet) as pilot:
        await press(pilot, "9", "d")
        await until_shown(pilot, "How far back?")
        await press(pilot, "backspace", "backspace", "backspace", *"20s", "enter")
        await until_shown(pilot, "between a minute and ten years")
        await press(pilot, "backspace", "backspace", "backspace", *"36h", "enter")
        await until(pilot, lambda: spans_asked(fleet)[-1] == timedelta(hours=36))
        await until_shown(pilot, " 1d12h ")
        await press(pilot, "t")
        await until(pilot, lambda: spans_asked(fleet)[-1] == SPANS[3][1])
        assert " 1d12h " not in shown(pilot)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_m_draws_the_next_measure(size: tuple[int, int]) -> None:
    async with console(a_past(), size=size) as pilot:
        await press(pilot, "9", "m")
        await until_shown(pilot, "failed in 15m00s each: 4 of")
        assert lines_with(pilot, "50%")
        await press(pilot, "m")
        await until_shown(pilot, "run time in 15m00s each")
        assert "─ p50  + p95  × p99" in shown(pilot)
        assert lines_with(pilot, "20s")
        await press(pilot, "m")
        await until_shown(pilot, "wait time in 15m00s each")
        assert lines_with(pilot, "0.8s")
        await press(pilot, "m")
        await until_shown(pilot, "ended in 15m00s each")


@pytest.mark.parametrize("measure", list(Measure))
@pytest.mark.parametrize(("width", "height"), [(24, 6), (60, 10), (200, 20)])
def test_every_measure_fits(measure: Measure, width: int, height: int) -> None:
    lines = draw_history(make.a_history(), make.a_group(), measure, width, height).plain.splitlines()
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)


def test_what_nobody_measured_is_not_drawn() -> None:
    nothing = make.a_group(run_times=(Percentiles(None, None, None),) * 97)
    drawn = draw_history(make.a_history(), nothing, Measure.RUN_TIME, 80, 12).plain
    assert "nothing of it is known" in drawn
