from __future__ import annotations

import pytest
from textual.widgets import Input

from earthgazer_tui.fleet.models import CancelConsumer, FactKind, FactRow, LimitRate, WorkerFact, WorkerState
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, settle, shown, until, until_shown
from tests.tui.scripted_fleet import ScriptedFleet

EVERY_KIND = tuple(FactKind)


def a_fleet() -> ScriptedFleet:
    worker = make.a_worker(
        "cpu1@field", running=(make.a_running_task(),), active=1, changes=("pool of 3 ≠ 2 configured",)
    )
    fleet = ScriptedFleet(make.a_snapshot(workers=(worker,)))
    rows = {
        FactKind.STATS: (FactRow("size", "true pool size", "3", "≠ 2 configured, lost on restart"),),
        FactKind.CLOCK: (FactRow("clock", "logical clock", "4711"),),
        FactKind.ACTIVE: (FactRow("t-1", "steps.add", "t-1", "for 4.0s"),),
        FactKind.RESERVED: (FactRow("t-2", "steps.add", "t-2"),),
        FactKind.SCHEDULED: (FactRow("t-3", "steps.later", "t-3", "due 2026-11-22T12:00:00"),),
        FactKind.QUEUES: (FactRow("io_queue", "io_queue", "exchange io_queue (direct)"),),
        FactKind.REVOKED: (FactRow("gone-1", "gone-1", "will be discarded"),),
        FactKind.REGISTERED: (FactRow("steps.add", "steps.add", "rate limit 10/m"),),
        FactKind.CONF: (
            FactRow("task_acks_late", "task_acks_late", "true"),
            FactRow("worker_pool", "worker_pool", "prefork", "default"),
        ),
        FactKind.REPORT: (FactRow("0", "software", "celery:5.7.0"),),
    }
    fleet.facts = {kind: WorkerFact(kind, found, 0.003) for kind, found in rows.items()}
    return fleet


async def test_enter_opens_a_worker_and_asks_everything_once() -> None:
    fleet = a_fleet()
    async with console(fleet) as pilot:
        await press(pilot, "6", "enter")
        await until_shown(pilot, "true pool size")
        assert "≠ 2 configured, lost on" in lines_with(pilot, "true pool size")[0]
        assert "4711" in shown(pilot)
        assert "40%  cpu.compute_ndvi" in shown(pilot)
        asked = [question for question in fleet.asked if question[0] == "worker_facts"]
        assert set(asked[0][2]) == set(EVERY_KIND)


@pytest.mark.parametrize(
    ("presses", "words"),
    [
        (1, ("Tasks·3", "runs      steps.add", "reserved  steps.add", "scheduled steps.later")),
        (2, ("Queues·1", "exchange io_queue")),
        (3, ("Revoked·1", "gone-1")),
        (4, ("Registered·1", "rate limit 10/m")),
        (5, ("task_acks_late", "default")),
        (6, ("software", "celery:5.7.0")),
        (7, ("true pool size",)),
    ],
)
async def test_tab_goes_through_its_parts(presses: int, words: tuple[str, ...]) -> None:
    async with console(a_fleet()) as pilot:
        await press(pilot, "6", "enter", *["tab"] * presses)
        for word in words:
            await until_shown(pilot, word)


async def test_facts_are_shown_as_they_come_and_what_does_not_come_says_why() -> None:
    fleet = a_fleet()
    del fleet.facts[FactKind.REVOKED]
    async with console(fleet) as pilot:
        await press(pilot, "6", "enter", "tab", "tab", "tab")
        await until_shown(pilot, "Asking…")
        fleet.facts[FactKind.REVOKED] = WorkerFact(
            FactKind.REVOKED, (), 2.0, "no answer in 2 s; last seen 9 s ago"
        )
        await press(pilot, "ctrl+r")
        await until_shown(pilot, "no answer in 2 s; last seen 9 s ago")
        fleet.facts[FactKind.REVOKED] = WorkerFact(FactKind.REVOKED, (), 0.002)
        await press(pilot, "ctrl+r")
        await until_shown(pilot, "It will discard no task.")


async def test_a_lever_takes_the_task_or_queue_under_the_cursor() -> None:
    fleet = a_fleet()
    async with console(fleet) as pilot:
        await press(pilot, "6", "enter", "tab", "tab", "U")
        await until_shown(pilot, "Take no more from which queue?")
        assert pilot.app.screen.query_one("#answer", Input).value == "io_queue"
        await press(pilot, "enter")
        await settle(pilot)
        await press(pilot, "tab", "tab", "L")
        await until_shown(pilot, "Which task, how often")
        assert pilot.app.screen.query_one("#answer", Input).value == "steps.add "
        pilot.app.screen.query_one("#answer", Input).value += "5/m"
        await press(pilot, "enter")
        await settle(pilot)
        assert fleet.calls == [
            ("tell_workers", ("cpu1@field",), CancelConsumer("io_queue")),
            ("tell_workers", ("cpu1@field",), LimitRate("steps.add", "5/m")),
        ]


async def test_a_filter_finds_a_setting_and_the_row_is_shown_in_full_below() -> None:
    fleet = a_fleet()
    words = "a long value that no column of a narrow terminal could ever show in full, to its very end"
    rows = (FactRow("a", "some_setting", words), FactRow("b", "other_setting", "1"))
    fleet.facts[FactKind.CONF] = WorkerFact(FactKind.CONF, rows, 0.003)
    async with console(fleet) as pilot:
        await press(pilot, "6", "enter", "shift+tab", "shift+tab")
        await until_shown(pilot, "other_setting")
        await press(pilot, "slash", *"some", "enter")
        await until(pilot, lambda: "other_setting" not in shown(pilot), "the other goes")
        await until_shown(pilot, "very end")


async def test_a_worker_that_is_not_heard_of_is_late_not_offline_and_may_be_gone() -> None:
    fleet = a_fleet()
    async with console(fleet) as pilot:
        await press(pilot, "6", "enter")
        late = make.a_worker("cpu1@field", state=WorkerState.LATE, last_seen_s=42.0)
        fleet.push(make.a_snapshot(workers=(late,)))
        await until_shown(pilot, "late 40s")
        fleet.push(make.a_snapshot(workers=()))
        await until_shown(pilot, "not seen any more")


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_it_fits_the_terminal(size: tuple[int, int]) -> None:
    async with console(a_fleet(), size=size) as pilot:
        await press(pilot, "6", "enter")
        await until_shown(pilot, "logical clock")
        assert "Report" in shown(pilot)
        assert "io_queue, default" in shown(pilot)
