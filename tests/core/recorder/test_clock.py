"""Records are stamped by the database's clock, whatever the host's shows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskExecutionRow, TaskMessageRow, TaskStateChangeRow
from earthgazer_core.recorder.batch import Record, Row
from earthgazer_core.recorder.clock import Reading, RecordClock
from earthgazer_core.recorder.describe import BEFORE_ALL
from earthgazer_core.recorder.spool import Spool
from earthgazer_core.recorder.store import connector
from earthgazer_core.recorder.writer import Writer

OFF_S = (300.0, -300.0, 0.0, 2.3e9, -1.7e9)
"""Five minutes, nothing, the year 2100 and 1970."""
NEAR = timedelta(seconds=30)


@pytest.fixture
def make_writer(database: Database, tmp_path: Path) -> Callable[[Callable[[], float]], Writer]:
    def make(host: Callable[[], float]) -> Writer:
        connect = connector(database.engine.url, 5)
        writer = Writer(connect, Spool(tmp_path / "spool", 10_000_000), 0.02)
        writer.clock = RecordClock(host)
        return writer

    return make


def state(task_id: str, state: str, order: int, at: datetime, **more: object) -> list[Record]:
    row: Row = {"task_id": task_id, "name": "n", "state": state, "state_order": order, "updated_at": at,
                "retries": 0, "attempt": 1, **more}  # fmt: skip
    change: Row = {"task_id": task_id, "state": state, "at": at, "worker": None, "attempt": 1, "detail": None}
    return [("executions", row), ("changes", change)]


@pytest.mark.parametrize("off_s", OFF_S)
def test_a_host_whose_clock_is_off_writes_the_databases_time(
    off_s: float, database: Database, make_writer: Callable[[Callable[[], float]], Writer]
) -> None:
    writer = make_writer(lambda: time.time() + off_s)
    clock = writer.clock
    # The first two are stamped before anybody has seen the database.
    sent, started = clock.now(), clock.now()
    writer.add(state("t", "PENDING", 10, sent, sent_at=sent))
    writer.add(state("t", "STARTED", 12, started, started_at=started))
    rebuilt: Row = {
        "task_id": "t", "headers": {}, "properties": {}, "content_type": "c", "content_encoding": "e",
        "body": b"", "is_sealed": False, "published_at": BEFORE_ALL,
    }  # fmt: skip
    writer.add([("messages", rebuilt)])
    assert writer.flush(30.0)
    ended = clock.now()
    writer.add(state("t", "SUCCESS", 16, ended, finished_at=ended))
    assert writer.flush(30.0)
    writer.close()
    with database.session() as session:
        row = session.get_one(TaskExecutionRow, "t")
        changes = list(session.scalars(select(TaskStateChangeRow.at).order_by(TaskStateChangeRow.id)))
        message = session.get_one(TaskMessageRow, "t")
    assert row.sent_at is not None
    assert row.started_at is not None
    assert row.finished_at is not None
    assert row.sent_at <= row.started_at <= row.finished_at == row.updated_at
    assert abs(row.sent_at - datetime.now(UTC)) < NEAR
    assert changes == sorted(changes)
    assert message.published_at == BEFORE_ALL


def test_what_is_stamped_while_the_clock_is_set_is_set_right_too(
    make_writer: Callable[[Callable[[], float]], Writer], database: Database
) -> None:
    writer = make_writer(lambda: time.time() + 300.0)
    told, go = threading.Event(), threading.Event()
    connect = writer._connect

    def slowly() -> object:
        told.set()
        assert go.wait(30.0)
        return connect()

    writer._connect = slowly  # type: ignore[assignment]
    at = writer.clock.now()
    writer.add(state("early", "STARTED", 12, at, started_at=at))
    assert told.wait(30.0)
    at = writer.clock.now()
    writer.add(state("late", "STARTED", 12, at, started_at=at))
    go.set()
    assert writer.flush(30.0)
    writer.close()
    with database.session() as session:
        times = list(session.scalars(select(TaskExecutionRow.started_at).order_by(TaskExecutionRow.task_id)))
    assert len(times) == 2
    assert all(at is not None and abs(at - datetime.now(UTC)) < NEAR for at in times)


def test_a_clock_that_is_set_goes_on_when_the_hosts_steps() -> None:
    host = [0.0]
    clock = RecordClock(lambda: time.time() + host[0])
    assert clock.is_due
    at_zero_s = time.time() - time.monotonic()
    assert clock.set(Reading(at_zero_s, 0.001, time.monotonic())) == 0.0
    seen = [clock.now()]
    # A leap second that one host smears and another takes at once, a jump of NTP's, and a clock set by hand.
    for host[0] in (1.0, -1.0, -0.5, 3600.0, -3600.0, -1.7e9):
        seen += [clock.now()]
    assert seen == sorted(seen)
    assert seen[-1] - seen[0] < NEAR
    assert not clock.is_due


def test_what_a_busy_host_explains_changes_nothing() -> None:
    clock = RecordClock()
    at_zero_s = time.time() - time.monotonic()
    assert clock.set(Reading(at_zero_s + 0.8, 1.0, time.monotonic())) == 0.0
    assert clock.set(Reading(at_zero_s + 10.0, 1.0, time.monotonic())) == 0.0
    assert clock.now() - datetime.now(UTC) > timedelta(seconds=5)
