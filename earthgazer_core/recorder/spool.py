"""Records on disk while the database is away: append-only lines, bounded, replayed when it is back."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import orjson

from earthgazer_core.recorder.batch import Batch, Row
from earthgazer_core.recorder.store import BYTES, from_json

logger = logging.getLogger(__name__)


class Spool:
    """The spool files of all processes in one directory; each process appends to its own.

    A file is locked while it is appended to or replayed. Whoever replays it removes it, so an
    append looks whether its file is still the one of that name.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._lock = Lock()
        self.dropped = 0
        """Records of this process that did not fit."""

    def append(self, batch: Batch) -> None:
        """Append the records durably; what doesn't fit is counted and logged, what can't be written too."""
        rows = batch.rows()
        lines = b"".join(_line(table, row) for table, row in rows)
        with self._lock:
            try:
                kept = self._append(lines)
            except OSError as error:
                logger.error("recorder: spool %s can't be written: %s", self._directory, error)
                kept = False
            if not kept:
                self.dropped += len(rows)
                logger.error(
                    "recorder: %d records dropped (%d in all), the spool in %s is full or broken",
                    len(rows), self.dropped, self._directory,
                )  # fmt: skip

    def is_empty(self) -> bool:
        """Whether no process left records behind."""
        return not any(self._files())

    def replay(self, write: Callable[[Batch], None]) -> int:
        """Hand the records of every file that nobody else holds to ``write``, then remove the file.

        Returns:
            The number of records replayed.

        Raises:
            Exception: whatever ``write`` raised; the file stays.
        """
        count = 0
        for path in self._files():
            with _locked(path, os.O_RDWR, fcntl.LOCK_EX | fcntl.LOCK_NB) as descriptor:
                if descriptor is None:
                    continue
                with os.fdopen(os.dup(descriptor), "rb") as stream:
                    batch = _parse(path, stream.read())
                write(batch)
                count += len(batch)
                path.unlink()
        return count

    def _append(self, lines: bytes) -> bool:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / f"records-{os.getpid()}.jsonl"
        while True:
            with _locked(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, fcntl.LOCK_EX) as descriptor:
                if descriptor is None:
                    continue
                if os.fstat(descriptor).st_size + len(lines) > self._max_bytes:
                    return False
                os.write(descriptor, lines)
                os.fsync(descriptor)
                return True

    def _files(self) -> list[Path]:
        return sorted(self._directory.glob("records-*.jsonl")) if self._directory.is_dir() else []


@contextmanager
def _locked(path: Path, flags: int, operation: int) -> Iterator[int | None]:
    """Yield a locked descriptor of the file; None where another holds it or it was removed meanwhile."""
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileNotFoundError:
        yield None
        return
    try:
        try:
            fcntl.flock(descriptor, operation)
        except BlockingIOError:
            yield None
            return
        try:
            is_current = path.stat().st_ino == os.fstat(descriptor).st_ino
        except FileNotFoundError:
            is_current = False
        yield descriptor if is_current else None
    finally:
        os.close(descriptor)


def _line(table: str, row: Row) -> bytes:
    name = BYTES.get(table)
    if name is not None and row[name] is not None:
        row = {**row, name: row[name].hex()}
    try:
        return orjson.dumps([table, row], default=str, option=orjson.OPT_NON_STR_KEYS) + b"\n"
    except TypeError as error:
        logger.warning("recorder: a record of %s can't be spooled: %s", table, error)
        return b""


def _parse(path: Path, content: bytes) -> Batch:
    batch = Batch()
    for line in content.splitlines():
        try:
            table, row = orjson.loads(line)
        except (orjson.JSONDecodeError, ValueError):
            # The last line of a process that was killed while it wrote.
            logger.warning("recorder: a torn line in %s was skipped", path)
            continue
        batch.add(table, from_json(table, row))
    return batch
