"""Hostile text in every place that a fleet's text comes from: rows, messages, bindings, results, events."""

# ruff: noqa: E501 - tables of attacks read best on one line each
from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count, cycle
from typing import Any

import redis
from sqlalchemy import BigInteger, Boolean, Date, DateTime, Float, LargeBinary, Table, insert
from sqlalchemy.dialects.postgresql import JSONB

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import Base
from tests.campaigns.corpus import CORPUS, storable

STATES = ("FAILURE", "STARTED", "SUCCESS", "REVOKED", "RETRY", "PENDING")
TASKS = ("task-sent", "task-received", "task-started", "task-failed", "task-succeeded", "task-retried")
_NAMES = frozenset({"state", "outcome", "task_id", "run_id"})


def plant_rows(database: Database, texts: Sequence[str]) -> int:
    """Fill every table with rows whose every text is hostile; return how many."""
    planted = 0
    rows: dict[str, list[dict[str, Any]]] = {}
    with database.session() as session:
        for table in Base.metadata.sorted_tables:
            if table.name == "scheduled_runs":
                continue
            rows[table.name] = [_row(table, number, text, rows) for number, text in enumerate(texts)]
            for row in rows[table.name]:
                session.execute(insert(table), row)
            planted += len(rows[table.name])
    return planted


def _row(table: Table, number: int, text: str, rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    text = storable(text)[:20_000]
    now = datetime.now(UTC) - timedelta(seconds=number)
    row: dict[str, Any] = {}
    for column in table.columns:
        key = next(iter(column.foreign_keys), None)
        if key is not None:
            if column.name == "superseded_by":
                continue
            row[column.name] = rows[key.column.table.name][number][key.column.name]
        elif isinstance(column.type, BigInteger):
            row[column.name] = number + 1
        elif isinstance(column.type, Float):
            row[column.name] = {"south": 0.0, "north": 1.0}.get(column.name, 0.5)
        elif isinstance(column.type, Boolean):
            row[column.name] = column.name == "enabled"
        elif isinstance(column.type, DateTime):
            row[column.name] = None if column.name in _OPEN else now
        elif isinstance(column.type, Date):
            row[column.name] = date(2026, 1, 1)
        elif isinstance(column.type, LargeBinary):
            row[column.name] = text.encode()
        elif isinstance(column.type, JSONB):
            row[column.name] = _json_of(column.name, text)
        elif column.name in ("task_id", "run_id"):
            row[column.name] = f"{column.name}-{number}"
        elif column.name == "state":
            row[column.name] = STATES[number % len(STATES)] if number % 7 else text
        elif column.unique or column.primary_key or (table.name, column.name) == ("captures", "product_id"):
            row[column.name] = f"{text[:2000]}{number}"
        elif (table.name, column.name) == ("schedule_entries", "crontab"):
            row[column.name] = None
        else:
            row[column.name] = text
    return row


_OPEN = frozenset({"dismissed_at", "cancelled_at", "retired_at"})


def _json_of(name: str, text: str) -> Any:
    if name in ("transform", "bands", "points", "after", "args"):
        return [text] * 6 if name != "points" else []
    return {text[:200]: text, "nested": [text, {"x": text, "n": 10**30}]}


def envelope(headers: Any, body: Any, *, content_type: Any = "application/json", **properties: Any) -> bytes:
    """Return a message as kombu keeps it in Redis."""
    encoded = base64.b64encode(json.dumps(body).encode()).decode()
    return json.dumps(
        {
            "body": encoded, "content-encoding": "utf-8", "content-type": content_type, "headers": headers,
            "properties": {
                "correlation_id": "c", "body_encoding": "base64", "delivery_tag": "t", "priority": 0,
                "delivery_info": {"exchange": "", "routing_key": "hostile"}, **properties,
            },
        }
    ).encode()  # fmt: skip


def plant_messages(client: redis.Redis, texts: Sequence[str]) -> int:
    """Put messages and bindings into a broker; return how many."""
    pipe = client.pipeline()
    for number, text in enumerate(texts):
        short = text[:3000]
        headers = {
            "id": f"message-{number}{short}", "task": short, "argsrepr": text, "kwargsrepr": text, "lang": short,
            "origin": short, "eta": short, "expires": short, "parent_id": short, "root_id": short,
            "group": short, "retries": short, "stamps": {short: short}, short: short,
        }  # fmt: skip
        body = [
            [text],
            {short: text},
            {"chain": [{"task": short, "options": {}}], "callbacks": [{"task": short}]},
        ]
        pipe.lpush("hostile", envelope(headers, body, delivery_tag=f"tag-{number}"))
        name = f"q{number}{short[:300]}"
        pipe.sadd(b"_kombu.binding." + _raw(short[:300]), b"\x06\x16".join((_raw(name), b"", _raw(name))))
        pipe.lpush(_raw(name), envelope(headers, body))
        pipe.set(b"celery-task-meta-result-%d" % number, _result(number, text))
    pipe.sadd("_kombu.binding.bytes", b"\xff\xfe\x1b]52;c;7357\x07\x06\x16\x06\x16\xff\xfe\x9b7357m")
    pipe.execute()
    return 3 * len(texts) + 1


def _raw(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _result(number: int, text: str) -> bytes:
    return json.dumps(
        {
            "status": "FAILURE" if number % 2 else "SUCCESS", "task_id": f"result-{number}", "traceback": text,
            "result": {"exc_type": text[:300], "exc_message": [text], "exc_module": text[:300]} if number % 2 else text,
            "name": text, "args": [text], "kwargs": {text: text}, "worker": text, "queue": text,
            "parent_id": text, "group_id": text, "date_done": text,
        }
    ).encode()  # fmt: skip


def events(texts: Sequence[str], at: float | None = None) -> Iterator[dict[str, Any]]:
    """Yield events of tasks and workers whose every text is hostile."""
    at = time.time() if at is None else at
    numbers = count()
    kinds = cycle(TASKS)
    for text in texts:
        number = next(numbers)
        short = text[:3000]
        hostname = f"w{number % 5}@{short[:100]}"
        for kind in ("task-sent", "task-received", "task-started", next(kinds)):
            yield {
                "type": kind, "uuid": f"event-{number}", "hostname": hostname, "timestamp": at + number / 1000,
                "pid": 1, "clock": number, "utcoffset": 0, "name": short, "args": text, "kwargs": text,
                "queue": short[:300], "eta": short, "root_id": short, "parent_id": short, "retries": 0,
                "exception": f"Evil({short!r})" if number % 2 else short, "traceback": text, "result": text,
                "routing_key": short, "exchange": short, "runtime": 0.1, "expires": short,
            }  # fmt: skip
        yield {
            "type": "worker-heartbeat", "hostname": hostname, "timestamp": at, "pid": 1, "freq": 2.0, "active": 1,
            "processed": 4, "loadavg": [0.1, 0.2, 0.3], "sw_ident": text, "sw_ver": text, "sw_sys": text,
        }  # fmt: skip


def publish(client: redis.Redis, found: Sequence[dict[str, Any]]) -> None:
    """Publish events as workers do."""
    for event in found:
        topic = "worker.heartbeat" if event["type"].startswith("worker") else "task.multi"
        body = base64.b64encode(json.dumps([event]).encode()).decode()
        message = {
            "body": body, "content-encoding": "utf-8", "content-type": "application/json", "headers": {},
            "properties": {"body_encoding": "base64", "delivery_info": {"exchange": "celeryev"}},
        }  # fmt: skip
        client.publish(f"/0.celeryev/{topic}", json.dumps(message))


def fixed_texts(*, with_long: bool = True) -> list[str]:
    """Return the fixed corpus."""
    return [text for text in CORPUS.values() if with_long or len(text) < 5_000]
