"""What a task logged before each of its failures, as the console reads it from the record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskStateChangeRow
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from tests.tui.fleet import rows

pytestmark = pytest.mark.fleet


@pytest.fixture
async def fleet(broker_url: str, migrated_database_url: str) -> AsyncIterator[LiveFleet]:
    fleet = LiveFleet(LiveOptions(broker_url=broker_url, database_url=migrated_database_url, refresh_hz=10))
    await fleet.open(lambda step: None)
    yield fleet
    await fleet.close(None)


def add(database: Database, *errors: str | None, **values: str | None) -> None:
    """Write a task with a try per error; one that succeeded has none."""
    with database.session() as session:
        rows.execution(session, "t-1", **values)
        for number, error in enumerate(errors):
            detail = {
                "error_type": error, "error_message": "no", "traceback": f"trace \x1b[31m{number}",
                "log": f"10:00:0{number} INFO \x1b]0;title\x07 of {number} at http://ann:horse@host/\u202e",
            }  # fmt: skip
            at = rows.NOW - timedelta(seconds=60 - number)
            state = ("RETRY" if number + 1 < len(errors) else "FAILURE") if error else "SUCCESS"
            session.add(
                TaskStateChangeRow(
                    task_id="t-1", state=state, at=at, worker="w@h", detail=detail if error else None
                )
            )


async def test_each_failed_try_has_its_traceback_and_log_harmless(
    fleet: LiveFleet, database: Database
) -> None:
    add(
        database,
        "OSError",
        "OSError",
        "KeyError",
        state="FAILURE",
        error_type="KeyError",
        traceback="trace 2",
    )
    detail = await fleet.task("t-1")
    assert detail.traceback == "trace 2"
    assert detail.log == "10:00:02 INFO \\x1b]0;title\\x07 of 2 at http://***@host/\\u202e"
    assert [one.traceback for one in detail.earlier] == ["trace \\x1b[31m0", "trace \\x1b[31m1"]
    assert [one.log[:13] for one in detail.earlier] == ["10:00:00 INFO", "10:00:01 INFO"]
    assert [one.change for one in detail.earlier] == list(detail.timeline[:2])


async def test_a_task_that_succeeded_since_keeps_what_its_failed_tries_left(
    fleet: LiveFleet, database: Database
) -> None:
    add(database, "OSError", None, state="SUCCESS")
    detail = await fleet.task("t-1")
    assert (detail.traceback, detail.log) == ("", "")
    assert [one.change.state for one in detail.earlier] == ["RETRY"]
