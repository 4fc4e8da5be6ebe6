"""The live fleet with a database: outages of it, and what it knows of tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from earthgazer_core.db.migrations import upgrade
from earthgazer_core.db.session import Database
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_tui.fleet.errors import FleetError, NotFoundError, UnavailableError
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from earthgazer_tui.fleet.models import RetryMode, ServiceState
from tests.tui.fleet import rows
from tests.tui.fleet.watching import until

pytestmark = pytest.mark.fleet


@pytest.fixture
def own_postgres(short_directory: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(short_directory, dies_with_parent=True)
    server.start()
    engine = create_engine(server.url)
    upgrade(engine)
    engine.dispose()
    yield server
    server.stop()


@pytest.fixture
async def fleet(broker_url: str, migrated_database_url: str) -> AsyncIterator[LiveFleet]:
    fleet = LiveFleet(LiveOptions(broker_url=broker_url, database_url=migrated_database_url, refresh_hz=10))
    await fleet.open(lambda step: None)
    yield fleet
    await fleet.close(None)


async def test_a_database_that_goes_and_comes_is_followed(
    broker_url: str, own_postgres: PostgresServer
) -> None:
    fleet = LiveFleet(LiveOptions(broker_url=broker_url, database_url=own_postgres.url, refresh_hz=10))
    try:
        await fleet.open(lambda step: None)
        snapshot = await until(fleet, lambda s: s.database.state is ServiceState.UP)
        await until(fleet, lambda s: s.badges.failed == 0)
        await asyncio.to_thread(own_postgres.stop)
        snapshot = await until(fleet, lambda s: s.database.state is ServiceState.DOWN)
        assert snapshot.broker.state is ServiceState.UP
        assert any("database down" in alert.text for alert in snapshot.alerts)
        with pytest.raises(UnavailableError):
            await fleet.captures()
        await asyncio.to_thread(own_postgres.start)
        await until(fleet, lambda s: s.database.state is ServiceState.UP)
        assert await fleet.captures() == ()
    finally:
        await fleet.close(None)


async def test_a_wrong_password_is_told_without_it(broker_url: str, migrated_database_url: str) -> None:
    user, _, rest = migrated_database_url.partition("@")
    wrong = f"{user.rpartition(':')[0]}:hunter2@{rest}"
    fleet = LiveFleet(LiveOptions(broker_url=broker_url, database_url=wrong, refresh_hz=10))
    try:
        await fleet.open(lambda step: None)
        snapshot = await until(fleet, lambda s: s.database.state is ServiceState.DOWN)
        assert "password" in snapshot.database.detail
        assert "hunter2" not in repr(snapshot)
    finally:
        await fleet.close(None)


async def test_a_database_without_our_tables_is_told(broker_url: str, database_url: str) -> None:
    fleet = LiveFleet(LiveOptions(broker_url=broker_url, database_url=database_url, refresh_hz=10))
    try:
        await fleet.open(lambda step: None)
        snapshot = await until(fleet, lambda s: s.database.state is ServiceState.DOWN)
        assert "earthgazer db upgrade" in snapshot.database.detail
    finally:
        await fleet.close(None)


async def test_an_empty_sandbox_says_what_to_press(fleet: LiveFleet) -> None:
    snapshot = await until(fleet, lambda s: s.first_steps)
    assert "press {fleet.discover-and-process|D}" in snapshot.first_steps


async def test_failures_are_listed_shown_and_dismissed(fleet: LiveFleet, database: Database) -> None:
    with database.session() as session:
        rows.execution(
            session, "t-1", state="FAILURE", error_type="RasterError", error_message="no \x1bCRS\nmore",
            finished_at=rows.NOW, traceback="line 1\n\x1b[31mline 2", attempt=2, worker="w\u202e@h",
        )  # fmt: skip
    (row,) = await fleet.failed()
    assert (row.task_id, row.error_message, row.attempt, row.worker) == (
        "t-1",
        "no \\x1bCRS",
        2,
        "w\\u202e@h",
    )
    await until(fleet, lambda s: s.badges.failed == 1)
    detail = await fleet.task("t-1")
    assert detail.traceback == "line 1\n\\x1b[31mline 2"
    assert detail.retry.mode is RetryMode.REFUSED
    assert "message was not recorded" in detail.retry.reason
    (item,) = (await fleet.plan_retry(["t-1"])).items
    assert item.mode == "refused"
    result = await fleet.retry(["t-1"])
    assert not result.is_ok
    assert (await fleet.dismiss(["t-1"])).is_ok
    assert await fleet.failed() == ()


async def test_what_is_not_there_is_not_found(fleet: LiveFleet) -> None:
    for question in (fleet.task("nope"), fleet.run("nope"), fleet.capture(4711)):
        with pytest.raises(NotFoundError):
            await question


async def test_what_nobody_hears_is_not_called_done(fleet: LiveFleet) -> None:
    result = await fleet.revoke(["11111111-1111-1111-1111-111111111111"])
    assert not result.is_ok
    assert "no worker" in result.summary


async def test_a_closed_fleet_refuses_and_may_be_closed_again(fleet: LiveFleet) -> None:
    await fleet.close(None)
    with pytest.raises(FleetError):
        await fleet.captures()
    await fleet.close(None)
