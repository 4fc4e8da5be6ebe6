"""A thread per process that writes records in batches, and keeps them on disk while the database is away."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable

import psycopg2
from psycopg2 import errors, extensions

from earthgazer_core.recorder import clock, store
from earthgazer_core.recorder.batch import Batch, Record, batch_of
from earthgazer_core.recorder.clock import RecordClock
from earthgazer_core.recorder.spool import Spool

logger = logging.getLogger(__name__)

_MOST_BUFFERED = 20_000
_SHORTEST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0
_DEADLOCK_TRIES = 5

_OTHER_SCHEMA = (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName)
_UNAVAILABLE = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    *_OTHER_SCHEMA,
    errors.InsufficientPrivilege,
    errors.ReadOnlySqlTransaction,
)
"""Errors that are the server's state, not a record's fault: the records wait in the spool."""


class Writer:
    """Takes records from any thread; its own thread alone talks to the database.

    So a database that hangs can hold up nobody for longer than they agreed to wait. The thread
    starts with the first record, and anew in a forked child, which begins with nothing to write.
    Records are only put down by whoever brings them: what is made of them later, of many at a time,
    costs a third of what it would between two tasks.
    """

    def __init__(self, connect: Callable[[], extensions.connection], spool: Spool, interval_s: float) -> None:
        self._connect = connect
        self._spool = spool
        self._interval_s = interval_s
        self.clock = RecordClock()
        """What records are stamped by."""
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._condition = threading.Condition()
        self._records: list[Record] = []
        self._added = 0
        self._written = 0
        self._is_urgent = False
        self._is_closing = False
        self._is_stalled = False
        self._thread: threading.Thread | None = None
        # psycopg2 leaves the socket of a parent's connection alone when it is dropped here.
        self._connection: extensions.connection | None = None
        self._pause_s = 0.0
        self._retry_at = 0.0
        self._may_have_spooled = True

    def add(self, records: Iterable[Record]) -> int:
        """Take records to be written within the interval; return the number of the last one."""
        with self._condition:
            before = len(self._records)
            self._records.extend(records)
            self._added += len(self._records) - before
            number = self._added
            overflow = self._take() if len(self._records) > _MOST_BUFFERED else []
            if self._thread is None or not self._thread.is_alive():
                self._start()
            elif not before:
                self._condition.notify_all()
        if overflow:
            self._spool.append(batch_of(overflow))
        return number

    def write_through(self, records: Iterable[Record], timeout_s: float) -> None:
        """Take records and return once they are in the database or, failing that, on disk."""
        records = list(records)
        is_stalled = self._is_stalled
        number = self.add(records)
        if not is_stalled and self.flush(timeout_s, number):
            return
        self._is_stalled = True
        # The thread may still get them written: both ways lead to the same rows.
        self._spool.append(batch_of((table, dict(row)) for table, row in records))

    def flush(self, timeout_s: float, number: int | None = None) -> bool:
        """Have everything up to a record written or spooled; return whether that was done in time."""
        deadline = time.monotonic() + timeout_s
        with self._condition:
            number = self._added if number is None else number
            self._is_urgent = True
            self._condition.notify_all()
            return self._condition.wait_for(
                lambda: self._written >= number, max(0.0, deadline - time.monotonic())
            )

    def close(self, timeout_s: float = 5.0) -> None:
        """Write or spool what is left and end the thread."""
        with self._condition:
            self._is_closing = True
            self._condition.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
        with self._condition:
            left = self._take()
        if left:
            self._spool.append(batch_of(left))

    def _start(self) -> None:
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="earthgazer-recorder", daemon=True)
        self._thread.start()

    def _take(self) -> list[Record]:
        records, self._records = self._records, []
        return records

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._records or self._is_closing, self._idle_wait_s())
                if self._records:
                    self._condition.wait_for(lambda: self._is_urgent or self._is_closing, self._interval_s)
                records, number = self._take(), self._added
                self._is_urgent = False
                is_last = self._is_closing
            self._deliver(batch_of(records))
            with self._condition:
                self._written = max(self._written, number)
                self._is_stalled = False
                self._condition.notify_all()
                if is_last and not self._records:
                    break
        self._disconnect()

    def _idle_wait_s(self) -> float | None:
        if not self._may_have_spooled:
            return None
        return max(self._retry_at - time.monotonic(), _SHORTEST_PAUSE_S)

    def _deliver(self, batch: Batch) -> None:
        if time.monotonic() < self._retry_at:
            if len(batch):
                self._spool.append(batch)
            return
        try:
            if len(batch):
                if self.clock.is_due:
                    self._connected(self._set_clock, batch)
                self._write(batch)
                batch = Batch()
            if self._may_have_spooled and not self._spool.is_empty():
                count = self._spool.replay(self._write)
                if count:
                    logger.info("recorder: %d records replayed from the spool", count)
            self._may_have_spooled = not self._spool.is_empty()
            self._pause_s = 0.0
        except _UNAVAILABLE as error:
            self._disconnect()
            self._pause_s = min(max(self._pause_s * 2, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S)
            self._retry_at = time.monotonic() + self._pause_s
            self._may_have_spooled = True
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            # Said once for each outage: a worker may sit through a long one.
            level = logging.WARNING if self._pause_s == _SHORTEST_PAUSE_S else logging.DEBUG
            hint = ": run `earthgazer db upgrade`" if isinstance(error, _OTHER_SCHEMA) else ""
            logger.log(level, "recorder: database unavailable, records wait in the spool: %s%s", reason, hint)
            if len(batch):
                self._spool.append(batch)
        except OSError as error:
            logger.error("recorder: the spool can't be replayed: %s", error)

    def _write(self, batch: Batch) -> None:
        self._connected(self._store, batch)

    def _connected(self, act: Callable[[extensions.connection, Batch], None], batch: Batch) -> None:
        for attempt in range(_DEADLOCK_TRIES):
            is_fresh = self._connection is None
            try:
                if self._connection is None:
                    self._connection = self._connect()
                act(self._connection, batch)
            except errors.DeadlockDetected:
                if attempt == _DEADLOCK_TRIES - 1:
                    raise
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                # A connection kept from before a restart of the server: a new one may do.
                self._disconnect()
                if is_fresh:
                    raise
            else:
                return

    def _set_clock(self, connection: extensions.connection, batch: Batch) -> None:
        """Set the clock; what this process stamped before, and nobody has seen yet, is set right with it."""
        reading = clock.read(connection)
        with self._condition:
            by_s = self.clock.set(reading)
            if by_s:
                clock.shift(batch.rows(), by_s)
                clock.shift(self._records, by_s)

    def _store(self, connection: extensions.connection, batch: Batch) -> None:
        try:
            store.write(connection, batch)
        except _UNAVAILABLE:
            raise
        except (psycopg2.Error, ValueError, TypeError) as error:
            rows = batch.rows()
            if len(rows) == 1:
                logger.error("recorder: a record of %s can't be kept: %s", rows[0][0], type(error).__name__)
                return
            # One record is at fault: halve until it is alone, so that it takes no other with it.
            for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
                self._store(connection, batch_of(part))

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
