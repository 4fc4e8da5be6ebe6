"""Batches as the database takes them: all or nothing, however large, and texts as they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors, extensions
from sqlalchemy.engine import make_url

from earthgazer_core.recorder.batch import Batch, Row
from earthgazer_core.recorder.store import connector, write

AT = datetime(2026, 5, 1, 12, 30, 0, 123456, UTC)
MANY = 1_203
"""More than go into one statement."""


@pytest.fixture
def connection(migrated_database_url: str) -> Iterator[extensions.connection]:
    connection = connector(make_url(migrated_database_url), 5)()
    yield connection
    connection.close()


def fetch(connection: extensions.connection, query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def execution(task_id: str, **told: Any) -> Row:
    return {
        "task_id": task_id, "name": "a.b", "state": "STARTED", "state_order": 10_000_012, "retries": 0,
        "attempt": 1, "updated_at": AT, "started_at": AT, **told,
    }  # fmt: skip


def started(task_id: str) -> Row:
    return {"task_id": task_id, "state": "STARTED", "at": AT, "worker": "w@h", "attempt": 1, "detail": None}


def message(task_id: str, body: bytes) -> Row:
    return {
        "task_id": task_id, "headers": {"id": task_id}, "properties": {}, "content_type": "application/json",
        "content_encoding": "utf-8", "body": body, "is_sealed": False, "published_at": AT,
    }  # fmt: skip


def test_a_large_batch_counts_each_start_once_however_often_it_is_written(
    connection: extensions.connection,
) -> None:
    for _ in range(2):
        batch = Batch()
        for n in range(MANY):
            batch.add("executions", execution(f"task-{n}"))
            batch.add("changes", started(f"task-{n}"))
        write(connection, batch)
    counted = "select count(*), min(starts), max(starts) from earthgazer.task_executions"
    assert fetch(connection, counted) == [(MANY, 1, 1)]
    assert fetch(connection, "select count(*) from earthgazer.task_state_changes") == [(MANY,)]


def test_texts_and_values_come_through_as_they_are(connection: extensions.connection) -> None:
    told = {
        "args_repr": "a NUL \x00, an escaped one \\u0000, half a pair \ud83d, quotes ' \" \\ and %s",
        "result": {
            "nul": "\x00\x00",
            "escaped": "\\u0000",
            "nan": math.nan,
            "huge": 1 << 70,
            "at": AT,
            7: [1],
        },
        "runtime_s": 0.1 + 0.2,
        "priority": 3.0,
    }
    batch = Batch()
    batch.add("executions", execution("odd", **told))
    batch.add("messages", message("odd", bytes(range(256))))
    write(connection, batch)
    columns = "args_repr, result, runtime_s, priority, started_at, is_redacted, starts"
    [found] = fetch(connection, f"select {columns} from earthgazer.task_executions")  # noqa: S608 - names of ours
    args_repr, result, *others = found
    assert args_repr == "a NUL \ufffd, an escaped one \\u0000, half a pair ?, quotes ' \" \\ and %s"
    assert result == {
        "nul": "\ufffd\ufffd", "escaped": "\\u0000", "nan": None, "huge": str(1 << 70),
        "at": "2026-05-01T12:30:00.123456+00:00", "7": [1],
    }  # fmt: skip
    assert others == [0.1 + 0.2, 3, AT, False, 0]
    assert bytes(fetch(connection, "select body from earthgazer.task_messages")[0][0]) == bytes(range(256))


@pytest.mark.parametrize("body", [b"x", b"x" * 3_000_000], ids=["at once", "one after the other"])
def test_a_batch_is_written_whole_or_not_at_all(connection: extensions.connection, body: bytes) -> None:
    batch = Batch()
    batch.add("messages", message("good", body))
    batch.add("executions", execution("bad", name=None, state="SUCCESS"))
    with pytest.raises(errors.NotNullViolation):
        write(connection, batch)
    assert fetch(connection, "select count(*) from earthgazer.task_messages") == [(0,)]
    assert connection.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE


def test_a_transaction_of_others_is_committed_with_the_batch(
    migrated_database_url: str, connection: extensions.connection
) -> None:
    url = make_url(migrated_database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    other = psycopg2.connect(url)
    batch = Batch()
    batch.add("changes", started("alone"))
    write(other, batch)
    other.close()
    assert fetch(connection, "select task_id from earthgazer.task_state_changes") == [("alone",)]
