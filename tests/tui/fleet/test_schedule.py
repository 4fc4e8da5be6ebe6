"""The schedule on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from earthgazer_core.db.session import Database
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.schedule import entries
from earthgazer_core.schedule.seeds import Seed
from earthgazer_core.schedule.timing import Timing
from earthgazer_tui.fleet.errors import NotFoundError, ReadOnlyError, RefusedError, UnavailableError
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from tests.tui.fleet import rows
from tests.tui.fleet.watching import until

pytestmark = pytest.mark.fleet


@pytest.fixture
def seeded(database: Database) -> Database:
    with database.session() as session:
        seeds = [
            Seed("sweep", "earthgazer.io.sweep", [], {}, {"queue": "io_queue"}, Timing.every(600.0)),
            Seed("nightly \x1b[2J", "earthgazer.io.discover", [], {}, {}, Timing.cron("23 3 * * *")),
        ]
        entries.seed(session, seeds)
    return database


@pytest.fixture
async def fleet(broker_url: str, migrated_database_url: str, seeded: Database) -> AsyncIterator[LiveFleet]:
    fleet = LiveFleet(LiveOptions(broker_url=broker_url, database_url=migrated_database_url, refresh_hz=10))
    await fleet.open(lambda step: None)
    yield fleet
    await fleet.close(None)


async def test_the_schedule_is_listed_with_the_last_outcome(fleet: LiveFleet, seeded: Database) -> None:
    with seeded.session() as session:
        entries.note_extra_run(session, "sweep", "t-1")
        rows.execution(
            session, "t-1", state="FAILURE", error_type="OSError", error_message="disk \x1bfull\nx"
        )
    nightly, sweep = await fleet.schedule()
    assert (nightly.name, nightly.timing, nightly.interval_s) == ("nightly \\x1b[2J", "23 3 * * * UTC", None)
    assert (sweep.last_state, sweep.last_error) == ("FAILURE", "OSError: disk \\x1bfull")
    assert (sweep.is_enabled, sweep.is_late, sweep.total_runs) == (True, False, 1)


async def test_run_now_puts_a_message_into_its_queue(fleet: LiveFleet, broker_url: str) -> None:
    result = await fleet.run_scheduled(["sweep"])
    assert result.is_ok, result
    broker = RedisBroker.from_url(broker_url)
    (message,) = broker.peek("io_queue")
    broker.close()
    (_, sweep) = await fleet.schedule()
    assert message.task_id == sweep.last_task_id
    assert message.name == "earthgazer.io.sweep"


async def test_entries_are_switched_and_changed_and_reset(fleet: LiveFleet, seeded: Database) -> None:
    assert (await fleet.switch_scheduled(["sweep"], is_enabled=False)).summary == "sweep is off"
    (_, sweep) = await fleet.schedule()
    assert (sweep.is_enabled, sweep.next_run_at) == (False, None)
    assert (await fleet.switch_scheduled(["sweep"], is_enabled=True)).is_ok
    assert (await fleet.set_interval(["sweep"], 90.0)).summary == "sweep: every 90 s"
    (_, sweep) = await fleet.schedule()
    assert (sweep.timing, sweep.code_timing, sweep.is_changed) == ("every 90 s", "every 600 s", True)
    assert sweep.next_run_at is not None
    with seeded.session() as session:
        assert sweep.next_run_at - entries.now(session) <= timedelta(seconds=90)
    await fleet.set_interval(["sweep"], None)
    (_, sweep) = await fleet.schedule()
    assert (sweep.timing, sweep.is_changed) == ("every 600 s", False)


async def test_what_can_t_be_is_told(fleet: LiveFleet) -> None:
    with pytest.raises(NotFoundError, match="sweep"):
        await fleet.run_scheduled(["nope"])
    with pytest.raises(RefusedError, match="between 1 s and a year"):
        await fleet.set_interval(["sweep"], 0.01)
    result = await fleet.switch_scheduled(["sweep", "nope"], is_enabled=False)
    assert not result.is_ok
    assert result.summary.startswith("1 done; failed 1: nope:")


async def test_without_a_database_there_is_no_schedule(broker_url: str) -> None:
    fleet = LiveFleet(LiveOptions(broker_url=broker_url, read_only=True))
    await fleet.open(lambda step: None)
    try:
        with pytest.raises(UnavailableError):
            await fleet.schedule()
        with pytest.raises(ReadOnlyError):
            await fleet.run_scheduled(["sweep"])
    finally:
        await fleet.close(None)


async def test_what_is_late_is_told_by_badge_and_alert(fleet: LiveFleet, seeded: Database) -> None:
    await until(fleet, lambda s: s.badges.schedule == 0)
    with seeded.session() as session:
        session.execute(text("UPDATE earthgazer.schedule_entries SET next_due_at = now() - interval '1 h'"))
    snapshot = await until(fleet, lambda s: s.badges.schedule == 2)
    assert any("2 periodic tasks are due and not sent" in alert.text for alert in snapshot.alerts)
    await fleet.switch_scheduled(["sweep", "nightly \x1b[2J"], is_enabled=False)
    await until(fleet, lambda s: s.badges.schedule == 0)
