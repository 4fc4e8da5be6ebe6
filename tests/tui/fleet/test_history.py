"""History and audit on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from earthgazer_core.db.session import Database
from earthgazer_core.operations import audit
from earthgazer_tui.fleet.errors import UnavailableError
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from tests.tui.fleet import rows

pytestmark = pytest.mark.fleet


@pytest.fixture
async def fleet(broker_url: str, migrated_database_url: str) -> AsyncIterator[LiveFleet]:
    fleet = LiveFleet(LiveOptions(broker_url=broker_url, database_url=migrated_database_url, refresh_hz=10))
    await fleet.open(lambda step: None)
    yield fleet
    await fleet.close(None)


async def test_what_ended_is_counted(fleet: LiveFleet, database: Database) -> None:
    now = datetime.now(UTC)
    with database.session() as session:
        for k in range(10):
            end = now - timedelta(minutes=k)
            rows.execution(
                session, f"t-{k}", name="app.\x1b[2Ja", state="FAILURE" if k == 3 else "SUCCESS", queue="io",
                started_at=end - timedelta(seconds=2), finished_at=end, updated_at=end, sent_at=end,
            )  # fmt: skip
        old = now - timedelta(hours=3)
        rows.execution(session, "old", finished_at=old, updated_at=old)
    total, group = (await fleet.history(timedelta(hours=1), with_times=True)).groups
    assert (total.is_total, total.count, group.name, group.count) == (True, 10, "app.\\x1b[2Ja", 10)
    assert (group.failed, group.failed_percent, group.run.p50, group.wait.p50) == (1, 10.0, 2.0, 0.0)
    assert (sum(group.throughput), sum(group.failures)) == (10, 1)
    slot = next(k for k, n in enumerate(group.throughput) if n)
    assert (group.run_times[slot].p50, group.wait_times[slot].p99) == (2.0, 0.0)
    assert len(group.run_times) == len(group.wait_times) == len(group.throughput)
    history = await fleet.history(timedelta(hours=24), "queue")
    assert [(one.name, one.count) for one in history.groups] == [("all", 11), ("io", 10), ("(unknown)", 1)]


async def test_what_operators_did_is_told(fleet: LiveFleet, database: Database) -> None:
    audit.record(database, "pool.grow", {"worker": "w\x1b@h", "n": 1}, "done", {"url": "redis://:pw@host/0"})
    audit.record(database, "task.retry", {"task_ids": ["a", "b", "c", "d"]}, "refused")
    newest, oldest = await fleet.actions()
    assert (newest.target, newest.outcome) == ("task ids a b c and 1 more", "refused")
    assert (oldest.target, oldest.detail) == ("n 1, worker w\\x1b@h", "url redis://***@host/0")
    assert oldest.who == audit.who()[0]
    assert [one.action for one in await fleet.actions("GROW")] == ["pool.grow"]


async def test_without_a_database_there_is_no_history(broker_url: str) -> None:
    fleet = LiveFleet(LiveOptions(broker_url=broker_url))
    await fleet.open(lambda step: None)
    try:
        with pytest.raises(UnavailableError, match="no database is configured"):
            await fleet.history(timedelta(hours=1))
    finally:
        await fleet.close(None)
