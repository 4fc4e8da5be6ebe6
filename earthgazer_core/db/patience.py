"""An end to waiting for a database that has gone silent: a network that swallows bytes tells nobody."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final

import psycopg2.extensions
from sqlalchemy import Engine, event

SILENCE_S: Final = 30.0
"""Longest wait for an answer where nobody says otherwise."""

_TICK_S: Final = 0.25
_limit_s: ContextVar[float] = ContextVar("limit_s", default=SILENCE_S)


@contextmanager
def patience(limit_s: float) -> Iterator[None]:
    """Wait for each answer within the block no longer than this; longer than the server itself allows."""
    token = _limit_s.set(limit_s)
    try:
        yield
    finally:
        _limit_s.reset(token)


def limit_silence(engine: Engine) -> None:
    """Let connections of this engine end when the server says nothing for too long.

    The server's own time limit for statements is of no use once its answer doesn't reach us, and libpq has
    none. What was sent may have been done.
    """

    @event.listens_for(engine, "do_connect")
    def make_patient(dialect: Any, record: Any, arguments: Any, options: dict[str, Any]) -> None:
        options |= {"connection_factory": _Connection, "cursor_factory": _Cursor}


class _Watch:
    """Ends connections that are overdue, from a thread of its own: who waits can't."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[_Connection, float] = {}
        self._has_work = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, connection: _Connection) -> Iterator[None]:
        with self._lock:
            self._due[connection] = time.monotonic() + _limit_s.get()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="database-patience", daemon=True)
                self._thread.start()
            self._has_work.set()
        try:
            yield
        finally:
            with self._lock:
                self._due.pop(connection, None)

    def _run(self) -> None:
        while True:
            self._has_work.wait()
            time.sleep(_TICK_S)
            with self._lock:
                now = time.monotonic()
                for connection in [one for one, due in self._due.items() if due <= now]:
                    del self._due[connection]
                    _end(connection)
                if not self._due:
                    self._has_work.clear()


def _end(connection: _Connection) -> None:
    """Let whoever waits for an answer see the connection's end; the caller knows that it is waited for."""
    with suppress(psycopg2.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as link:
        link.shutdown(socket.SHUT_RDWR)


_watch = _Watch()


class _Connection(psycopg2.extensions.connection):
    def commit(self) -> None:
        with _watch.over(self):
            super().commit()

    def rollback(self) -> None:
        with _watch.over(self):
            super().rollback()


class _Cursor(psycopg2.extensions.cursor):
    def execute(self, query: Any, values: Any = None) -> None:
        with _watch.over(self._owner):
            super().execute(query, values)

    def executemany(self, query: Any, vars_list: Any) -> None:
        with _watch.over(self._owner):
            super().executemany(query, vars_list)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        with _watch.over(self._owner):
            super().copy_expert(sql, file, size)

    @property
    def _owner(self) -> _Connection:
        owner = self.connection
        assert isinstance(owner, _Connection)  # noqa: S101 - cursors are made by our connections alone
        return owner
