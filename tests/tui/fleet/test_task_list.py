"""The stream of tasks on real servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from earthgazer_core.db.session import Database
from earthgazer_tui.fleet.errors import FilterError, RefusedError
from earthgazer_tui.fleet.live import reader
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from earthgazer_tui.fleet.live.names import Names
from earthgazer_tui.fleet.live.observations import Observations, ServiceWatch
from earthgazer_tui.fleet.live.reader import Reader
from earthgazer_tui.fleet.live.runner import Runner
from earthgazer_tui.fleet.live.task_list import list_tasks
from earthgazer_tui.fleet.models import ServiceState, TaskRow
from tests.tui.fleet import rows
from tests.tui.fleet.conftest import ForeignFleet

pytestmark = pytest.mark.fleet


async def listed(fleet: LiveFleet, line: str, n: int = 1) -> list[TaskRow]:
    """Return the tasks that match, as soon as there are so many."""
    deadline = time.monotonic() + 20
    while len(found := list(await fleet.tasks(line))) != n:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)
    return found


@pytest.fixture
def seen() -> Observations:
    return Observations(ServiceWatch("", ServiceState.UP), ServiceWatch("", ServiceState.UP))


@pytest.fixture
async def foreign_fleet(foreign: ForeignFleet) -> AsyncIterator[LiveFleet]:
    fleet = LiveFleet(LiveOptions(broker_url=foreign.broker_url, refresh_hz=10))
    await fleet.open(lambda step: None)
    yield fleet
    await fleet.close(None)


async def test_without_a_database_events_alone_are_listed_and_filtered(
    foreign: ForeignFleet, foreign_fleet: LiveFleet
) -> None:
    foreign.start_worker()
    added = foreign.send("foreign.add", 1, 2)
    failed = foreign.send("foreign.fail", "no such \x1b[31mband")
    foreign.send("foreign.evil\x1b]0;owned\x07\u202e", 1)
    assert [row.task_id for row in await listed(foreign_fleet, "state:success name:foreign.add")] == [added]
    (row,) = await listed(foreign_fleet, "state:failed error:band")
    assert (row.task_id, row.error_type, row.worker) == (failed, "ValueError", "w1@test")
    assert [row.task_id for row in await foreign_fleet.failed("error:band since:1h")] == [failed]
    assert await foreign_fleet.failed("-band") == ()
    everything = await listed(foreign_fleet, "", 3)
    assert [row.at for row in everything] == sorted((row.at for row in everything), reverse=True)
    assert "\x1b" not in repr(everything)
    assert await foreign_fleet.tasks("-foreign") == ()
    assert [row.task_id for row in await foreign_fleet.tasks("name:foreign.add runtime:<10 since:1h")] == [
        added
    ]


async def test_a_line_that_can_t_be_read_tells_its_place(foreign_fleet: LiveFleet) -> None:
    with pytest.raises(FilterError) as caught:
        await foreign_fleet.tasks("ndvi stat:failed")
    assert (caught.value.position, caught.value.line) == (5, "ndvi stat:failed")
    assert "did you mean state:?" in caught.value.reason


async def test_the_recorded_are_listed(
    broker_url: str, migrated_database_url: str, database: Database
) -> None:
    with database.session() as session:
        rows.execution(session, "t-1", state="FAILURE", error_type="RasterError", capture_id=7)
        rows.execution(session, "t-2", updated_at=rows.NOW - timedelta(hours=1))
    fleet = LiveFleet(LiveOptions(broker_url=broker_url, database_url=migrated_database_url, refresh_hz=10))
    await fleet.open(lambda step: None)
    try:
        assert [row.task_id for row in await fleet.tasks()] == ["t-1", "t-2"]
        assert [row.capture_id for row in await fleet.tasks("capture:7 state:failed")] == [7]
        assert [row.task_id for row in await fleet.failed("error:raster")] == ["t-1"]
        assert await fleet.failed("-raster") == ()
        with pytest.raises(FilterError):
            await fleet.failed("capture:x")
    finally:
        await fleet.close(None)


def test_events_are_ahead_of_the_record(database: Database, seen: Observations) -> None:
    with database.session() as session:
        for task_id, status in (("t-1", "STARTED"), ("t-2", "FAILURE"), ("t-3", "STARTED")):
            rows.execution(session, task_id, state=status, capture_id=7, attempt=2)
    after, before = (rows.NOW + timedelta(seconds=k) for k in (5, -5))
    state = EventsState(Names())
    common = {"hostname": "w1@test", "runtime": 1.5}
    with state.lock:
        state.fold(
            [
                {"type": "task-succeeded", "uuid": "t-1", "timestamp": after.timestamp(), **common},
                {"type": "task-succeeded", "uuid": "t-2", "timestamp": before.timestamp(), **common},
                {"type": "task-succeeded", "uuid": "t-new", "timestamp": after.timestamp(), **common},
            ]
        )
    reading = Reader(database)
    told = {row.task_id: row for row in list_tasks(reading, state, seen)}
    assert {task_id: row.state for task_id, row in told.items()} == {
        "t-1": "SUCCESS", "t-2": "FAILURE", "t-3": "STARTED", "t-new": "SUCCESS",
    }  # fmt: skip
    assert (told["t-1"].capture_id, told["t-1"].attempt, told["t-1"].runtime_s) == (7, 2, 1.5)
    assert [row.task_id for row in list_tasks(reading, state, seen, "state:started")] == ["t-3"]
    assert {row.task_id for row in list_tasks(reading, state, seen, "", 2)} == {"t-new", "t-1"}


async def test_a_search_that_takes_too_long_says_what_to_do(
    database: Database, seen: Observations, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.session() as session:
        now = datetime.now(UTC)
        for k in range(800):
            rows.execution(session, f"t-{k}", updated_at=now, args_repr="x" * 900)
    monkeypatch.setattr(reader, "STATEMENT_TIMEOUT_S", 0.001)
    reading, state, text = Reader(database), EventsState(Names()), '-"no such thing" *a*b*c*d* *q*'
    runner = Runner(1)
    try:
        with pytest.raises(RefusedError, match="narrower filter"):
            await runner.run(20, list_tasks, reading, state, seen, text)
    finally:
        runner.close()
