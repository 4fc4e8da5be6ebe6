from __future__ import annotations

from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.models import ActionResult, Reply, WorkerState
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, shown, until_shown
from tests.tui.scripted_fleet import ScriptedFleet


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
    fleet.results["grow_pool"] = ActionResult(
        True, "Pool grows.", (Reply("io1@field", True, "pool will grow"),)
    )
    async with console(fleet) as pilot:
        await press(pilot, "6", "plus", "minus")
        await until_shown(pilot, "io1@field: pool will grow")
        assert fleet.calls == [("grow_pool", "io1@field", 1), ("shrink_pool", "io1@field", 1)]


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


async def test_e_asks_all_workers_for_events_and_lists_who_did_not() -> None:
    fleet = a_fleet_of_two()
    fleet.results["enable_events"] = ActionResult(
        False,
        "1 of 2 workers sends events.",
        (Reply("io1@field", True, "task events enabled"), Reply("far@away", False, "no answer in 2.0 s")),
    )
    async with console(fleet) as pilot:
        await press(pilot, "6", "E")
        await until_shown(pilot, "✗ far@away: no answer in 2.0 s")
        await press(pilot, "escape")
        assert fleet.calls == [("enable_events",)]


async def test_a_refusal_of_the_fleet_is_told() -> None:
    fleet = a_fleet_of_two()
    fleet.errors["grow_pool"] = RefusedError("the worker is autoscaled: adjust its range instead")
    async with console(fleet) as pilot:
        await press(pilot, "6", "plus")
        await until_shown(pilot, "adjust its range instead")


async def test_no_worker_at_all_says_which_key_helps() -> None:
    async with console(ScriptedFleet(make.a_snapshot(workers=()))) as pilot:
        await press(pilot, "6")
        assert "N starts one" in shown(pilot)
