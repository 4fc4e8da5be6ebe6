"""Batches of records into Postgres, by plain statements: an ORM would cost a task two milliseconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import orjson
import psycopg2
from psycopg2 import extensions
from psycopg2.extras import execute_values
from sqlalchemy.engine import URL

from earthgazer_core.recorder.batch import ERROR, FIXED, PASSING, Batch, Row

_PAGE_ROWS = 500
_STATEMENT_TIMEOUT_MS = 20_000

_EXECUTION = ("task_id", *FIXED, *PASSING, *ERROR, "state", "state_order", "starts", "updated_at")
_CHORD = ("group_id", "size", "layout", "is_ordered", "seen_at")
_PART = ("group_id", "task_id", "place", "part", "is_sealed", "at")
_JSON = frozenset({"result", "detail", "headers", "properties", "parameters", "after", "signature"})

BYTES = {"messages": "body", "parts": "part", "chords": "layout"}
"""Columns of tables that hold bytes; JSON has no word for them."""

_NEWER = "(excluded.state_order, excluded.updated_at) >= (t.state_order, t.updated_at)"
_LATER = "excluded.state_order / 10 > t.state_order / 10"
_SAME = "excluded.state_order / 10 = t.state_order / 10"


def _execution_assignments() -> str:
    fixed = [name for name in FIXED if name not in ("name", "is_redacted")]
    lines = [f"{name} = coalesce(excluded.{name}, t.{name})" for name in fixed]
    # A task that put a group in its place goes on as Celery's own collector of the results.
    lines.append("name = case when excluded.name like 'celery.%%' then t.name else excluded.name end")
    lines.append("is_redacted = t.is_redacted or excluded.is_redacted")
    lines += [
        f"{name} = case when {_NEWER} then excluded.{name} else t.{name} end"
        for name in ("state", "state_order")
    ]
    lines.append("updated_at = greatest(excluded.updated_at, t.updated_at)")
    lines.append("starts = t.starts + excluded.starts")
    # Somebody who dismissed a failure did not dismiss the next one.
    lines.append(f"dismissed_at = case when {_LATER} then null else t.dismissed_at end")
    by_generation = (
        "{0} = case when {later} then {later_value} when {same} and {newer} then {newer_value}"
        " when {same} then {older_value} else t.{0} end"
    )
    for name in PASSING:
        lines.append(
            by_generation.format(
                name,
                later=_LATER,
                same=_SAME,
                newer=_NEWER,
                later_value=f"excluded.{name}",
                newer_value=f"coalesce(excluded.{name}, t.{name})",
                older_value=f"coalesce(t.{name}, excluded.{name})",
            )
        )
    for name in ERROR:
        kept = f"coalesce(excluded.{name}, t.{name})"
        lines.append(
            by_generation.format(
                name,
                later=_LATER,
                same=_SAME,
                newer=_NEWER,
                later_value=f"case when excluded.state = 'RETRY' then {kept} else excluded.{name} end",
                newer_value=f"case when excluded.state = 'SUCCESS' then null else {kept} end",
                # The process that retried may write after the one that succeeded.
                older_value=f"case when t.state <> 'SUCCESS' then coalesce(t.{name}, excluded.{name}) end",
            )
        )
    return ", ".join(lines)


_UPSERT_EXECUTIONS = (
    f"insert into earthgazer.task_executions as t ({', '.join(_EXECUTION)}) values %s"  # noqa: S608 - names of ours
    f" on conflict (task_id) do update set {_execution_assignments()}"
)

_UPSERT_MESSAGES = """
    insert into earthgazer.task_messages as t
        (task_id, headers, properties, content_type, content_encoding, body, is_sealed, published_at)
    values %s
    on conflict (task_id) do update set
        headers = excluded.headers, properties = excluded.properties, content_type = excluded.content_type,
        content_encoding = excluded.content_encoding, body = excluded.body, is_sealed = excluded.is_sealed,
        published_at = excluded.published_at
    where excluded.published_at > t.published_at
"""

_INSERT_CHANGES = """
    insert into earthgazer.task_state_changes (task_id, state, at, worker, attempt, detail) values %s
    on conflict do nothing returning task_id, state
"""

_UPSERT_CHORDS = """
    insert into earthgazer.chords as t (group_id, size, layout, is_ordered, seen_at) values %s
    on conflict (group_id) do update set
        size = coalesce(excluded.size, t.size), layout = coalesce(excluded.layout, t.layout),
        is_ordered = excluded.is_ordered, seen_at = greatest(excluded.seen_at, t.seen_at)
"""

_UPSERT_PARTS = """
    insert into earthgazer.chord_parts as t (group_id, task_id, place, part, is_sealed, at) values %s
    on conflict (group_id, task_id, place) do update set
        part = excluded.part, is_sealed = excluded.is_sealed, at = excluded.at
    where excluded.at > t.at
"""

_UPSERT_RUNS = """
    insert into earthgazer.workflow_runs as t (run_id, name, parameters, created_at) values %s
    on conflict (run_id) do update set name = excluded.name, parameters = excluded.parameters
"""

_INSERT_RUNS = """
    insert into earthgazer.workflow_runs (run_id, name, parameters, created_at) values %s
    on conflict do nothing
"""

_UPSERT_STEPS = """
    insert into earthgazer.workflow_steps as t
        (run_id, task_id, name, after, group_id, group_index, chord_size, ordinal, signature)
    values %s
    on conflict (run_id, task_id) do update set
        after = u.after, group_id = coalesce(t.group_id, excluded.group_id),
        group_index = coalesce(t.group_index, excluded.group_index),
        chord_size = case when coalesce(excluded.chord_size, t.chord_size) is null then null
                          else jsonb_array_length(u.after) end,
        ordinal = least(t.ordinal, excluded.ordinal), signature = coalesce(t.signature, excluded.signature)
"""
# The union of edges has to be spelled out twice: DO UPDATE can't name a subquery.
_UNION = """
    (select coalesce(jsonb_agg(distinct id), '[]') from jsonb_array_elements(t.after || excluded.after) as id)
"""
_UPSERT_STEPS = _UPSERT_STEPS.replace("u.after", _UNION)


def connector(url: URL, timeout_s: int) -> Callable[[], extensions.connection]:
    """Return a function that opens a connection to the database of an SQLAlchemy URL."""
    query = {key: value for key, value in url.query.items() if isinstance(value, str)}
    parts = {
        "host": url.host,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "dbname": url.database,
        "application_name": "earthgazer-recorder",
        "connect_timeout": timeout_s,
        "keepalives_idle": 30,
        "options": f"-c statement_timeout={_STATEMENT_TIMEOUT_MS}",
        **query,
    }
    known: dict[str, Any] = {key: value for key, value in parts.items() if value is not None}
    return lambda: psycopg2.connect(**known)


def write(connection: extensions.connection, batch: Batch) -> None:
    """Write a batch in one transaction; writing it again changes nothing.

    Rows are sorted by key, so that processes writing the same rows wait for each other, not in a ring.
    """
    with connection, connection.cursor() as cursor:
        _insert(cursor, _UPSERT_RUNS, _run_values(batch, is_named=True))
        _insert(cursor, _INSERT_RUNS, _run_values(batch, is_named=False))
        _insert(cursor, _UPSERT_STEPS, [_step_values(batch.steps[key]) for key in sorted(batch.steps)])
        _insert(
            cursor, _UPSERT_MESSAGES, [_message_values(batch.messages[key]) for key in sorted(batch.messages)]
        )
        starts = _insert_changes(cursor, batch.changes)
        for task_id in sorted(batch.executions):
            batch.executions[task_id]["starts"] = starts[task_id]
        _insert(
            cursor,
            _UPSERT_EXECUTIONS,
            [_values(batch.executions[key], _EXECUTION) for key in sorted(batch.executions)],
        )
        chords = [_values(batch.chords[key], _CHORD) for key in sorted(batch.chords)]
        _insert(cursor, _UPSERT_CHORDS, chords)
        parts = [_values(batch.parts[key], _PART) for key in sorted(batch.parts)]
        _insert(cursor, _UPSERT_PARTS, parts)


def _insert(cursor: extensions.cursor, statement: str, values: list[tuple[Any, ...]]) -> None:
    if values:
        execute_values(cursor, statement, values, page_size=_PAGE_ROWS)


def _insert_changes(cursor: extensions.cursor, changes: Iterable[Row]) -> Counter[str]:
    rows = sorted(changes, key=lambda row: (row["task_id"], row["at"], row["state"]))
    if not rows:
        return Counter()
    columns = ("task_id", "state", "at", "worker", "attempt", "detail")
    kept = execute_values(
        cursor, _INSERT_CHANGES, [_values(row, columns) for row in rows], page_size=_PAGE_ROWS, fetch=True
    )
    return Counter(task_id for task_id, state in kept if state == "STARTED")


def _run_values(batch: Batch, *, is_named: bool) -> list[tuple[Any, ...]]:
    columns = ("run_id", "name", "parameters", "created_at")
    return [
        _values(batch.runs[key], columns)
        for key in sorted(batch.runs)
        if batch.runs[key]["is_named"] is is_named
    ]


def _step_values(row: Row) -> tuple[Any, ...]:
    columns = (
        "run_id",
        "task_id",
        "name",
        "after",
        "group_id",
        "group_index",
        "chord_size",
        "ordinal",
        "signature",
    )
    return _values(row, columns)


def _message_values(row: Row) -> tuple[Any, ...]:
    columns = (
        "task_id", "headers", "properties", "content_type", "content_encoding", "body", "is_sealed",
        "published_at",
    )  # fmt: skip
    return _values(row, columns)


def _values(row: Row, columns: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(_value(name, row.get(name)) for name in columns)


def _value(name: str, value: Any) -> Any:
    if value is None:
        return False if name == "is_redacted" else None
    if name in _JSON:
        return to_json(value)
    return clean(value) if isinstance(value, str) else value


def clean(text: str) -> str:
    """Return the text without what Postgres can't hold: NUL, and halves of surrogate pairs."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def to_json(value: Any) -> str:
    """Return the value as JSON that Postgres takes; what JSON has no word for becomes text, NaN null."""
    options = orjson.OPT_NON_STR_KEYS
    try:
        text = orjson.dumps(value, default=str, option=options)
    except TypeError:
        text = orjson.dumps(_plain(value), default=str, option=options)
    return text.decode().replace("\\u0000", "\\ufffd")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {clean(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 63:
        return str(value)
    return value


def from_json(table: str, row: Row) -> Row:
    """Return a row as it was before it was spooled: times as times, bytes as bytes."""
    times = {
        "updated_at", "sent_at", "received_at", "started_at", "finished_at", "eta", "expires", "at",
        "published_at", "created_at", "seen_at",
    }  # fmt: skip
    restored: Row = {
        name: datetime.fromisoformat(value) if name in times and isinstance(value, str) else value
        for name, value in row.items()
    }
    name = BYTES.get(table)
    if name is not None and restored[name] is not None:
        restored[name] = bytes.fromhex(restored[name])
    return restored
