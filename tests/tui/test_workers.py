from __future__ import annotations

import pytest
from textual.widgets import Input

from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.models import (
    ActionResult,
    AddConsumer,
    Autoscale,
    CancelConsumer,
    Lever,
    LimitRate,
    LimitTime,
    Reply,
    Resize,
    RestartPool,
    ShutDown,
    SwitchEvents,
    WorkerOrder,
    WorkerState,
)
from earthgazer_tui.widgets.line_table import LineTable
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, settle, shown, until, until_shown
from tests.tui.scripted_fleet import ScriptedFleet


def told(order: WorkerOrder, *hostnames: str) -> tuple[str, tuple[str, ...], WorkerOrder]:
    return ("tell_workers", hostnames or ("io1@field",), order)


def a_fleet_of_two() -> ScriptedFleet:
    return ScriptedFleet(
        make.a_snapshot(
            workers=(
                make.a_worker(
                    "io1@field", pool_size=3, local_name="io1", running=(make.a_running_task(),), active=1
                ),
                make.a_worker(
                    "far@away",
                    pool="solo",
                    pool_size=1,
                    resize_refusal="a solo pool has one place",
                    state=WorkerState.LATE,
                    last_seen_s=42.0,
                ),
            )
        )
    )


async def test_the_true_process_count_and_what_runs_are_shown() -> None:
    async with console(a_fleet_of_two()) as pilot:
        await press(pilot, "6")
        assert "prefork 3" in lines_with(pilot, "io1@field")[0]
        assert "late 40s" in lines_with(pilot, "far@away")[0]
        assert "40%  cpu.compute_ndvi" in shown(pilot)


async def test_plus_and_minus_resize_the_pool_under_the_cursor() -> None:
    fleet = a_fleet_of_two()
    fleet.results["tell_workers"] = ActionResult(
        True, "Pool grows.", (Reply("io1@field", True, "pool will grow"),)
    )
    async with console(fleet) as pilot:
        await press(pilot, "6", "plus", "minus")
        await until_shown(pilot, "io1@field: pool will grow")
        assert fleet.calls == [told(Resize(1)), told(Resize(-1))]


async def test_a_pool_that_cannot_be_resized_says_why_and_is_left_alone() -> None:
    fleet = a_fleet_of_two()
    async with console(fleet) as pilot:
        await press(pilot, "6", "down")
        assert "a solo pool has one place" in shown(pilot)
        await press(pilot, "plus")
        assert fleet.calls == []


async def test_n_starts_a_worker_of_the_profile_chosen() -> None:
    fleet = a_fleet_of_two()
    async with console(fleet) as pilot:
        await press(pilot, "6", "N")
        await until_shown(pilot, "cpu: stacking")
        await press(pilot, "c")
        await until_shown(pilot, "start_worker done")
        assert fleet.calls == [("start_worker", "cpu")]


async def test_n_and_escape_start_nothing() -> None:
    fleet = a_fleet_of_two()
    async with console(fleet) as pilot:
        await press(pilot, "6", "N", "escape")
        assert fleet.calls == []


async def test_x_stops_a_local_worker_after_a_yes() -> None:
    fleet = a_fleet_of_two()
    async with console(fleet) as pilot:
        await press(pilot, "6", "X")
        await until_shown(pilot, "Stop worker io1@field?")
        assert "runs 1 task; what runs ends first" in shown(pilot)
        await press(pilot, "enter")
        assert fleet.calls == []
        await press(pilot, "X", "y")
        await until_shown(pilot, "stop_worker done")
        assert fleet.calls == [("stop_worker", "io1")]


async def test_x_refuses_a_worker_that_is_not_ours() -> None:
    fleet = a_fleet_of_two()
    async with console(fleet) as pilot:
        await press(pilot, "6", "down", "X")
        await until_shown(pilot, "was not started by this stack")
        assert fleet.calls == []


async def test_e_and_f_switch_the_events_of_the_chosen_workers() -> None:
    fleet = a_fleet_of_two()
    async with console(fleet) as pilot:
        await press(pilot, "6", "E", "F")
        assert fleet.calls == [told(SwitchEvents(on=True)), told(SwitchEvents(on=False))]


async def test_a_refusal_of_the_fleet_is_told() -> None:
    fleet = a_fleet_of_two()
    fleet.errors["tell_workers"] = RefusedError("the worker is autoscaled: adjust its range instead")
    async with console(fleet) as pilot:
        await press(pilot, "6", "plus")
        await until_shown(pilot, "adjust its range instead")


async def test_no_worker_at_all_says_which_key_helps() -> None:
    async with console(ScriptedFleet(make.a_snapshot(workers=()))) as pilot:
        await press(pilot, "6")
        assert "N starts one" in shown(pilot)


def a_fleet_of_many() -> ScriptedFleet:
    return ScriptedFleet(
        make.a_snapshot(
            workers=(
                make.a_worker("cpu1@a", queues=("cpu_queue",), changes=("pool of 3 ≠ 2 configured",)),
                make.a_worker("cpu1@b", queues=("cpu_queue",), running=(make.a_running_task(),), active=1),
                make.a_worker("io1@a", pool="threads", resize_refusal="Celery can't resize a threads pool"),
            )
        )
    )


@pytest.mark.parametrize(
    ("key", "typed", "order"),
    [
        ("Z", "+4", Resize(4)),
        ("Z", "-2", Resize(-2)),
        ("A", "2,8", Autoscale(2, 8)),
        ("C", "extra", AddConsumer("extra")),
        ("U", "default", CancelConsumer("default")),
        ("L", "steps.add 10/m", LimitRate("steps.add", "10/m")),
        ("T", "steps.add 30 60", LimitTime("steps.add", 30.0, 60.0)),
        ("T", "steps.add - 60", LimitTime("steps.add", None, 60.0)),
    ],
)
async def test_keys_that_ask_for_a_line_say_what_is_wrong_with_it_and_send_what_was_typed(
    key: str, typed: str, order: WorkerOrder
) -> None:
    fleet = a_fleet_of_two()
    async with console(fleet) as pilot:
        await press(pilot, "6", key)
        await until_shown(pilot, "enter  Do it")
        answer = pilot.app.screen.query_one("#answer", Input)
        answer.value = " "
        await pilot.press("enter")
        assert pilot.app.screen.is_modal
        assert fleet.calls == []
        answer.value = typed
        await press(pilot, "enter")
        await settle(pilot)
        assert fleet.calls == [told(order)]


async def test_p_restarts_a_pool_and_says_why_where_it_can_not() -> None:
    reason = "worker_pool_restarts is off in its settings"
    workers = (
        make.a_worker("a@field"),
        make.a_worker("b@field", refusals=((Lever.RESTART, reason), (Lever.HARD_LIMIT, reason))),
    )
    fleet = ScriptedFleet(make.a_snapshot(workers=workers))
    async with console(fleet) as pilot:
        await press(pilot, "6", "P")
        assert fleet.calls == [told(RestartPool(), "a@field")]
        await press(pilot, "down")
        assert f"P, T      {reason}" in shown(pilot)
        await press(pilot, "P", "T")
        assert not pilot.app.screen.is_modal
        assert len(fleet.calls) == 1


async def test_a_soft_limit_is_refused_where_only_a_hard_one_is_kept() -> None:
    worker = make.a_worker("gev@field", pool="gevent", refusals=((Lever.SOFT_LIMIT, "no soft time limits"),))
    fleet = ScriptedFleet(make.a_snapshot(workers=(worker,)))
    async with console(fleet) as pilot:
        await press(pilot, "6", "T")
        pilot.app.screen.query_one("#answer", Input).value = "steps.add - 9"
        await press(pilot, "enter")
        await settle(pilot)
        assert fleet.calls == [told(LimitTime("steps.add", None, 9.0), "gev@field")]


async def test_a_pattern_marks_workers_and_the_dry_run_says_who_is_not_told() -> None:
    fleet = a_fleet_of_many()
    fleet.worker_words = [Reply("cpu1@a", True, "pool will grow")]
    fleet.may_end.clear()
    async with console(fleet) as pilot:
        await press(pilot, "6", "asterisk", *"*@a", "enter")
        await until_shown(pilot, "2 workers marked.")
        await press(pilot, "plus")
        await until_shown(pilot, "Add one process to the pool of 2 workers?")
        assert "cpu1@a  prefork 2 → 3" in shown(pilot)
        assert "io1@a  not told: Celery can't resize a threads pool" in shown(pilot)
        await press(pilot, "n", "asterisk", *"cpu*", "enter", "plus", "y")
        await until_shown(pilot, "✓ cpu1@a: pool will grow")
        assert "… cpu1@b: not heard yet" in shown(pilot)
        fleet.results["tell_workers"] = make.done()
        fleet.may_end.set()
        await until_shown(pilot, "tell_workers done")
        assert fleet.calls == [told(Resize(1), "cpu1@a", "cpu1@b")]


async def test_a_screen_that_comes_back_is_painted_anew_only_where_colours_changed_meanwhile() -> None:
    async with console(a_fleet_of_two()) as pilot:
        await press(pilot, "6")
        table = pilot.app.screen.query_one(LineTable)
        before = table.render_line(2)
        assert "far@away" in before.text
        await press(pilot, "1", "6")
        assert table.render_line(2) is before
        await press(pilot, "1")
        pilot.app.theme = "textual-light"
        await press(pilot, "6")
        assert table.render_line(2).text == before.text
        assert table.render_line(2) != before


async def test_what_one_worker_did_is_shown_before_it_is_in_the_audit_and_once() -> None:
    fleet = a_fleet_of_two()
    fleet.results["tell_workers"] = ActionResult(True, "io1@field: 2 → 3 processes")
    fleet.may_end.clear()
    async with console(fleet) as pilot:
        await press(pilot, "6")
        # Not pressed so that what it starts comes to rest: that is still to come.
        await pilot.press("plus")
        await until_shown(pilot, "2 → 3 processes")
        fleet.may_end.set()
        await settle(pilot)
        assert shown(pilot).count("2 → 3 processes") == 1


async def test_a_filter_shows_those_that_match_a_pattern_or_words() -> None:
    async with console(a_fleet_of_many()) as pilot:
        await press(pilot, "6", "slash", *"cpu*@*", "enter")
        await until(pilot, lambda: "io1@a" not in shown(pilot), "io1@a goes")
        assert "cpu1@b" in shown(pilot)
        await press(pilot, "slash", "escape", "slash", *"threads", "enter")
        await until(pilot, lambda: "cpu1@b" not in shown(pilot), "cpu1@b goes")
        assert "io1@a" in shown(pilot)


async def test_what_a_restart_forgets_is_marked() -> None:
    async with console(a_fleet_of_many()) as pilot:
        await press(pilot, "6")
        assert "≠ prefork 2" in lines_with(pilot, "cpu1@a")[0]
        assert "≠" not in lines_with(pilot, "cpu1@b")[0]
        await until_shown(pilot, "≠ configured, lost on restart: pool of 3 ≠ 2 configured")


async def test_a_warm_shutdown_asks_then_shows_what_still_runs_and_may_be_left() -> None:
    fleet = a_fleet_of_two()
    fleet.may_end.clear()
    fleet.worker_words = [
        Reply("io1@field", False, "takes nothing more; still runs compute_ndvi t-run", is_final=False)
    ]
    fleet.results["tell_workers"] = ActionResult(True, "1 of 1 workers have left")
    async with console(fleet) as pilot:
        await press(pilot, "6", "W")
        await until_shown(pilot, "Shut down io1@field?")
        assert "runs 1 task" in shown(pilot)
        await press(pilot, "y")
        await until_shown(pilot, "… io1@field: takes nothing more; still runs compute_ndvi")
        assert "0 of 1 worker done" in shown(pilot)
        await press(pilot, "escape", "1")
        assert pilot.app.current_mode == "overview"
        fleet.may_end.set()
        await until_shown(pilot, "1 of 1 workers have left")
        assert fleet.calls == [told(ShutDown())]


async def test_a_shutdown_that_is_waited_for_ends_in_its_dialog() -> None:
    fleet = a_fleet_of_two()
    done = Reply("io1@field", True, "has left; it ran nothing")
    fleet.results["tell_workers"] = ActionResult(True, "1 of 1 workers have left", (done,))
    async with console(fleet) as pilot:
        await press(pilot, "6", "W", "y")
        await until_shown(pilot, "✓ io1@field: has left")
        assert "1 of 1 workers have left" in shown(pilot)


async def test_a_shutdown_refused_by_the_fleet_says_so_in_its_dialog() -> None:
    fleet = a_fleet_of_two()
    fleet.errors["tell_workers"] = RefusedError("io1@field did not answer")
    async with console(fleet) as pilot:
        await press(pilot, "6", "W", "y")
        await until_shown(pilot, "io1@field did not answer")


async def test_read_only_looks_and_tells_nothing() -> None:
    fleet = a_fleet_of_two()
    async with console(fleet, is_read_only=True) as pilot:
        await press(pilot, "6", "plus", "W", "L", "E", "Z")
        assert not pilot.app.screen.is_modal
        assert fleet.calls == []


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_the_list_fits_the_terminal(size: tuple[int, int]) -> None:
    async with console(a_fleet_of_many(), size=size) as pilot:
        await press(pilot, "6")
        assert "cpu_queue" in lines_with(pilot, "cpu1@a")[0]
        assert ("Prefetch" in shown(pilot)) is (size[0] == 160)
