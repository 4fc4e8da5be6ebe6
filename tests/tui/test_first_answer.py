"""Before anything was heard, a list that is empty doesn't say that there is nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from earthgazer_tui.fleet.models import Service, ServiceState, TaskRow
from tests.tui import builders as make
from tests.tui.console import console, press, shown, until_shown
from tests.tui.scripted_fleet import ScriptedFleet

SCREENS = [
    ("2", "database", "No capture yet"),
    ("3", "broker", "No queue is known"),
    ("4", "database", "No workflow has run yet"),
    ("5", "database", "Nothing has failed"),
    ("6", "broker", "No worker has been seen"),
    ("7", "broker", "No task has been seen"),
    ("8", "database", "The schedule is empty"),
]


def a_silent_fleet(state: ServiceState) -> ScriptedFleet:
    service = Service(state, "127.0.0.1", None)
    return ScriptedFleet(make.a_snapshot(broker=service, database=service, queues=(), workers=()))


@pytest.mark.parametrize(("key", "service", "nothing"), SCREENS)
async def test_an_empty_list_says_that_its_service_is_being_connected_to(
    key: str, service: str, nothing: str
) -> None:
    fleet = a_silent_fleet(ServiceState.CONNECTING)
    async with console(fleet, size=(120, 40)) as pilot:
        await press(pilot, key)
        await until_shown(pilot, f"Connecting to the {service}: nothing is known yet.")
        assert nothing not in shown(pilot)
        fleet.push(make.a_snapshot(queues=(), workers=()))
        await until_shown(pilot, nothing)
        assert "nothing is known yet" not in shown(pilot)


async def test_an_empty_list_says_that_its_service_does_not_answer() -> None:
    async with console(a_silent_fleet(ServiceState.DOWN), size=(120, 40)) as pilot:
        await press(pilot, "3")
        await until_shown(pilot, "The broker does not answer: nothing is known yet.")


async def test_without_a_database_failures_wait_for_the_broker() -> None:
    fleet = a_silent_fleet(ServiceState.CONNECTING)
    fleet.snapshot = replace(fleet.snapshot, database=Service(ServiceState.ABSENT, "none", None))
    async with console(fleet, size=(120, 40)) as pilot:
        await press(pilot, "5")
        await until_shown(pilot, "Connecting to the broker: nothing is known yet.")


async def test_queues_that_were_not_looked_at_are_waited_for() -> None:
    fleet = ScriptedFleet(make.a_snapshot(queues=()))
    looked = fleet.snapshot
    fleet.snapshot = replace(looked, badges=replace(looked.badges, queues=None))
    async with console(fleet, size=(120, 40)) as pilot:
        await press(pilot, "3")
        await until_shown(pilot, "Waiting for the first answer")
        fleet.push(looked)
        await until_shown(pilot, "No queue is known")


class SlowFleet(ScriptedFleet):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()

    async def tasks(self, text: str = "", limit: int = 500) -> Sequence[TaskRow]:
        await self.may_answer.wait()
        return await super().tasks(text, limit)


async def test_an_answer_that_takes_its_time_is_waited_for() -> None:
    fleet = SlowFleet()
    async with console(fleet, size=(120, 40)) as pilot:
        await pilot.press("7")
        await until_shown(pilot, "Waiting for the first answer")
        assert "No task has been seen" not in shown(pilot)
        fleet.may_answer.set()
        await until_shown(pilot, "No task has been seen")
