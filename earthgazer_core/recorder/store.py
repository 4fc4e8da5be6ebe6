"""Batches of records into Postgres, one JSON text a table: values one by one would cost a worker more."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
import psycopg2
from psycopg2 import extensions

from earthgazer_core.recorder.batch import ERROR, FIXED, PASSING, Batch, Row

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_PAGE_ROWS = 500
_MOST_AT_ONCE = 4 * 1024 * 1024
"""Characters of statements that are sent together."""
_STATEMENT_TIMEOUT_MS = 20_000

_EXECUTION = ("task_id", *FIXED, *PASSING, *ERROR, "state", "state_order", "updated_at")
_CHORD = ("group_id", "size", "layout", "is_ordered", "seen_at")
_PART = ("group_id", "task_id", "place", "part", "is_sealed", "at")
_CHANGE = ("task_id", "state", "at", "worker", "attempt", "detail")
_MESSAGE = (
    "task_id", "headers", "properties", "content_type", "content_encoding", "body", "is_sealed",
    "published_at",
)  # fmt: skip
_RUN = ("run_id", "name", "parameters", "created_at")
_STEP = (
    "run_id", "task_id", "name", "after", "group_id", "group_index", "chord_size", "ordinal", "signature",
)  # fmt: skip

_TIMES = frozenset({
    "updated_at", "sent_at", "received_at", "started_at", "finished_at", "eta", "expires", "at",
    "published_at", "created_at", "seen_at",
})  # fmt: skip
_TYPES = {
    **dict.fromkeys(_TIMES, "timestamptz"),
    **dict.fromkeys(
        ("result", "detail", "headers", "properties", "parameters", "after", "signature"), "jsonb"
    ),
    **dict.fromkeys(("is_redacted", "is_sealed", "is_ordered"), "boolean"),
    **dict.fromkeys(("body", "part", "layout"), "bytea"),
    **dict.fromkeys(("runtime_s", "percent"), "float8"),
    # Numbers of others may come with a fraction.
    **dict.fromkeys(
        ("retries", "attempt", "pid", "priority", "group_index", "capture_id", "state_order", "ordinal",
         "chord_size", "size"),
        "numeric",
    ),
}  # fmt: skip
"""Types of columns that aren't text."""

BYTES = {"messages": "body", "parts": "part", "chords": "layout"}
"""Columns of tables that hold bytes; JSON has no word for them."""

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")

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


def _source(columns: Sequence[str]) -> str:
    """Return rows of one JSON text, with the types of these columns."""
    typed = (f"{name} {_TYPES.get(name, 'text')}" for name in columns)
    return f"json_to_recordset(%s::json) as x({', '.join(typed)})"


def _insert(table: str, columns: Sequence[str], conflict: str) -> str:
    names = ", ".join(columns)
    return (
        f"insert into earthgazer.{table} as t ({names})"  # noqa: S608 - names of ours
        f" select {names} from {_source(columns)} on conflict {conflict}"
    )


_INSERT_CHANGES = _insert("task_state_changes", _CHANGE, "do nothing returning task_id, state")
_IS_REDACTED = "coalesce(x.is_redacted, false)"
_UPSERT_EXECUTIONS = (
    f"with kept as ({_INSERT_CHANGES}),"  # noqa: S608 - names of ours
    " begun as (select task_id, count(*) as n from kept where state = 'STARTED' group by task_id)"
    f" insert into earthgazer.task_executions as t ({', '.join(_EXECUTION)}, starts)"
    f" select {', '.join(_IS_REDACTED if name == 'is_redacted' else f'x.{name}' for name in _EXECUTION)},"
    f" coalesce(begun.n, 0) from {_source(_EXECUTION)} left join begun on begun.task_id = x.task_id"
    # in the order in which all processes write them
    ' order by x.task_id collate "C"'
    f" on conflict (task_id) do update set {_execution_assignments()}"
)

_UPSERT_MESSAGES = _insert(
    "task_messages",
    _MESSAGE,
    """(task_id) do update set
        headers = excluded.headers, properties = excluded.properties, content_type = excluded.content_type,
        content_encoding = excluded.content_encoding, body = excluded.body, is_sealed = excluded.is_sealed,
        published_at = excluded.published_at
    where excluded.published_at > t.published_at""",
)

_UPSERT_CHORDS = _insert(
    "chords",
    _CHORD,
    """(group_id) do update set
        size = coalesce(excluded.size, t.size), layout = coalesce(excluded.layout, t.layout),
        is_ordered = excluded.is_ordered, seen_at = greatest(excluded.seen_at, t.seen_at)""",
)

_UPSERT_PARTS = _insert(
    "chord_parts",
    _PART,
    """(group_id, task_id, place) do update set
        part = excluded.part, is_sealed = excluded.is_sealed, at = excluded.at
    where excluded.at > t.at""",
)

_UPSERT_RUNS = _insert(
    "workflow_runs", _RUN, "(run_id) do update set name = excluded.name, parameters = excluded.parameters"
)

_INSERT_RUNS = _insert("workflow_runs", _RUN, "do nothing")

# The union of edges has to be spelled out twice: DO UPDATE can't name a subquery.
_UNION = """
    (select coalesce(jsonb_agg(distinct id), '[]') from jsonb_array_elements(t.after || excluded.after) as id)
"""
_UPSERT_STEPS = _insert(
    "workflow_steps",
    _STEP,
    """(run_id, task_id) do update set
        after = u.after, group_id = coalesce(t.group_id, excluded.group_id),
        group_index = coalesce(t.group_index, excluded.group_index),
        chord_size = case when coalesce(excluded.chord_size, t.chord_size) is null then null
                          else jsonb_array_length(u.after) end,
        ordinal = least(t.ordinal, excluded.ordinal), signature = coalesce(t.signature, excluded.signature)
    """.replace("u.after", _UNION),
)


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

    def connect() -> extensions.connection:
        connection: extensions.connection = psycopg2.connect(**known)
        # Statements sent together are one transaction by themselves, without two more round trips for it.
        connection.autocommit = True
        return connection

    return connect


def write(connection: extensions.connection, batch: Batch) -> None:
    """Write a batch in one transaction; writing it again changes nothing.

    Rows are sorted by key, so that processes writing the same rows wait for each other, not in a ring.
    """
    statements = list(_statements(batch))
    is_small = sum(len(text) for _, texts in statements for text in texts) <= _MOST_AT_ONCE
    if connection.autocommit and is_small:
        if statements:
            with connection.cursor() as cursor:
                every = ";".join(statement for statement, _ in statements)
                cursor.execute(every, [text for _, texts in statements for text in texts])
        return
    with connection, connection.cursor() as cursor:
        for statement, texts in statements:
            cursor.execute(statement, texts)


def _statements(batch: Batch) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield statements with the rows that each of them takes."""
    for is_named, statement in ((True, _UPSERT_RUNS), (False, _INSERT_RUNS)):
        runs = {key: row for key, row in batch.runs.items() if row["is_named"] is is_named}
        yield from _paged(statement, "runs", runs)
    yield from _paged(_UPSERT_STEPS, "steps", batch.steps)
    yield from _paged(_UPSERT_MESSAGES, "messages", batch.messages)
    changes: defaultdict[str, list[Row]] = defaultdict(list)
    for row in batch.changes:
        changes[row["task_id"]].append(row)
    for task_ids in _pages(sorted(changes.keys() | batch.executions.keys())):
        told = sorted(
            (row for task_id in task_ids for row in changes.get(task_id, ())),
            key=lambda row: (row["task_id"], row["at"], row["state"]),
        )
        executions = [batch.executions[task_id] for task_id in task_ids if task_id in batch.executions]
        yield _UPSERT_EXECUTIONS, (_as_json("changes", told), _as_json("executions", executions))
    yield from _paged(_UPSERT_CHORDS, "chords", batch.chords)
    yield from _paged(_UPSERT_PARTS, "parts", batch.parts)


def _paged(statement: str, table: str, rows: Mapping[Any, Row]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for keys in _pages(sorted(rows)):
        yield statement, (_as_json(table, [rows[key] for key in keys]),)


def _pages(keys: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(keys), _PAGE_ROWS):
        yield keys[start : start + _PAGE_ROWS]


def _as_json(table: str, rows: Iterable[Row]) -> str:
    name = BYTES.get(table)
    if name is not None:
        rows = [row if row[name] is None else {**row, name: f"\\x{row[name].hex()}"} for row in rows]
    return f"[{','.join(map(to_json, rows))}]"


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
    decoded = text.decode()
    # A backslash may itself be escaped: then what follows it are five characters of somebody's text.
    return _NUL.sub(r"\1\\ufffd", decoded) if "\\u0000" in decoded else decoded


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
    restored: Row = {
        name: datetime.fromisoformat(value) if name in _TIMES and isinstance(value, str) else value
        for name, value in row.items()
    }
    name = BYTES.get(table)
    if name is not None and restored[name] is not None:
        restored[name] = bytes.fromhex(restored[name])
    return restored
