"""What an app's result backend keeps of a task; nothing in it is ever unpickled."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis
from celery import Celery
from celery.backends import base
from kombu.utils.json import loads
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.operations.broker import is_key
from earthgazer_core.recorder.describe import parse_time

# The stubs know neither the class nor what it has.
_key_value: Any = base


@dataclass(frozen=True, slots=True)
class StoredResult:
    """What is kept of one task."""

    status: str
    """``SUCCESS``, ``FAILURE``, …"""
    result: Any
    """What it returned, or of a failure its exception as Celery writes it; None where it isn't read."""
    traceback: str
    """Empty where there is none."""
    done_at: datetime | None
    """When it ended, aware UTC."""
    name: str | None
    """Task name; with ``result_extended`` alone, as all that follows."""
    args: list[Any] | None
    """Positional arguments."""
    kwargs: dict[str, Any] | None
    """Named arguments."""
    worker: str | None
    """Who ran it."""
    queue: str | None
    """Routing key that it came by."""
    retries: int | None
    """Automatic retries."""
    parent_id: str | None
    """The task that published it."""
    group_id: str | None
    """Its group."""

    @property
    def error_type(self) -> str | None:
        """Exception class of a failure."""
        known = self.result if self.status == "FAILURE" and isinstance(self.result, Mapping) else {}
        return str(known["exc_type"]) if "exc_type" in known else None

    @property
    def error_message(self) -> str | None:
        """What the exception of a failure says."""
        if self.error_type is None:
            return None
        message = self.result.get("exc_message")
        if isinstance(message, list | tuple):
            return ", ".join(str(part) for part in message)
        return None if message is None else str(message)


def read_result(app: Celery, task_id: str) -> StoredResult | None:
    """Return what is kept of a task; None where that is nothing, or can't be read without unpickling.

    Raises:
        ServiceUnavailableError: the result backend is away.
    """
    backend: Any = app.backend
    if not task_id or not is_key(task_id):
        return None
    try:
        if isinstance(backend, _key_value.BaseKeyValueStoreBackend):
            if backend.serializer != "json":
                return None
            raw = backend.get(backend.get_key_for_task(task_id))
            return None if raw is None else _of(_decoded(raw))
        if _is_database(backend):
            return _from_table(backend.url, task_id)
    except (redis.RedisError, SQLAlchemyError, OSError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ServiceUnavailableError(f"result backend unavailable: {reason}") from error
    return None


def _decoded(raw: Any) -> Mapping[str, Any]:
    try:
        meta = loads(raw)
    except (ValueError, TypeError, RecursionError):
        return {}
    return meta if isinstance(meta, dict) else {}


def _from_table(url: str, task_id: str) -> StoredResult | None:
    """Read the columns of Celery's own table; results in it are pickled and left closed."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            row = connection.execute(
                text("SELECT * FROM celery_taskmeta WHERE task_id = :id"), {"id": task_id}
            ).one_or_none()
    finally:
        engine.dispose()
    if row is None:
        return None
    meta = {**row._mapping, "result": None}
    for name in ("args", "kwargs"):
        if isinstance(meta.get(name), bytes | memoryview):
            try:
                meta[name] = json.loads(bytes(meta[name]))
            except ValueError:
                meta[name] = None
    return _of(meta)


def _of(meta: Mapping[str, Any]) -> StoredResult | None:
    status = meta.get("status")
    if not isinstance(status, str):
        return None
    args, kwargs, done = meta.get("args"), meta.get("kwargs"), meta.get("date_done")
    retries = meta.get("retries")
    return StoredResult(
        status=status,
        result=meta.get("result"),
        traceback=str(meta.get("traceback") or ""),
        done_at=parse_time(done.isoformat() if isinstance(done, datetime) else done),
        name=_text(meta.get("name")),
        args=list(args) if isinstance(args, list | tuple) else None,
        kwargs=dict(kwargs) if isinstance(kwargs, dict) else None,
        worker=_text(meta.get("worker")),
        queue=_text(meta.get("queue")),
        retries=retries if isinstance(retries, int) else None,
        parent_id=_text(meta.get("parent_id")),
        group_id=_text(meta.get("group_id")),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _is_database(backend: Any) -> bool:
    """Whether results are kept in tables; an app without such never imports what reads them."""
    database = sys.modules.get("celery.backends.database")
    return database is not None and isinstance(backend, database.DatabaseBackend)
