"""Writes a recording: a new segment now and then, readable up to the last second whatever happens."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import zstandard

from earthgazer_core.errors import InvalidInputError, StorageError
from earthgazer_core.recording.frames import VERSION, Beginning, Content, Frame, to_line
from earthgazer_core.recording.segments import next_number, segment_path, segments_of

_LEVEL = 3
_FLUSH_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """When a segment is full and when the oldest goes."""

    segment_bytes: int = 64 << 20
    """Bytes before compression at which the next segment begins."""
    segment_s: float = 900.0
    """Seconds after which the next segment begins: what a jump in a replay has to read."""
    total_bytes: int = 2 << 30
    """Bytes on disk at which the oldest segments are removed."""
    total_s: float = 7 * 86400.0
    """Seconds after which a segment is removed."""


class RecordingWriter:
    """Appends frames; belongs to one thread."""

    def __init__(
        self, recording: Path, broker: str, limits: Limits | None = None, *, at: float | None = None
    ) -> None:
        """Begin a recording, or go on with one after its last segment.

        Args:
            recording: Its name; segments are numbered beside it.
            broker: Where the fleet is, without credentials.
            limits: When to begin a new segment and when to remove old ones.
            at: Seconds since the epoch when it begins; by default now.

        Raises:
            InvalidInputError: nothing can be written there.
        """
        self._recording = recording
        self._broker = broker
        self._limits = limits or Limits()
        self._file: BinaryIO | None = None
        self._stream: zstandard.ZstdCompressionWriter | None = None
        self._written = 0
        self._is_unflushed = False
        self._began = self._flushed = 0.0
        try:
            recording.parent.mkdir(parents=True, exist_ok=True)
            self._number = next_number(recording) - 1
            self._begin_segment(time.time() if at is None else at)
        except OSError as error:
            raise InvalidInputError(f"can't record to {recording}: {error.strerror or error}") from error

    @property
    def segment(self) -> Path:
        """The file that is written now."""
        return segment_path(self._recording, self._number)

    def write(self, content: Content, at: float | None = None) -> None:
        """Append what was noted ``at`` seconds since the epoch, by default now.

        Raises:
            StorageError: the disk is full or gone.
        """
        now = time.time() if at is None else at
        try:
            if self._written >= self._limits.segment_bytes or now - self._began >= self._limits.segment_s:
                self._end_segment()
                self._begin_segment(now)
                self._remove_old()
            self._append(Frame(now, content))
            self._flush_if_due(now)
        except OSError as error:
            raise StorageError(f"recording to {self.segment}: {error.strerror or error}") from error

    def turn(self) -> None:
        """Bring into the file what has waited for long enough; to be called now and then while nothing comes.

        Raises:
            StorageError: the disk is full or gone.
        """
        try:
            self._flush_if_due(time.time())
        except OSError as error:
            raise StorageError(f"recording to {self.segment}: {error.strerror or error}") from error

    def flush(self) -> None:
        """Bring what was written into the file, so that it can be read even if this process is killed."""
        if self._stream is not None and self._file is not None:
            self._stream.flush(zstandard.FLUSH_BLOCK)
            self._file.flush()
            self._is_unflushed = False

    def close(self) -> None:
        """End the recording."""
        self._end_segment()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _flush_if_due(self, now: float) -> None:
        if self._is_unflushed and abs(now - self._flushed) >= _FLUSH_EVERY_S:
            self.flush()
            self._flushed = now

    def _append(self, frame: Frame) -> None:
        if self._stream is None:
            raise StorageError("the recording is closed")
        line = to_line(frame)
        self._stream.write(line)
        self._written += len(line)
        self._is_unflushed = True

    def _begin_segment(self, at: float) -> None:
        self._number += 1
        # Arguments of tasks are in it: for its owner alone.
        descriptor = os.open(self.segment, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._stream = zstandard.ZstdCompressor(level=_LEVEL).stream_writer(self._file, closefd=False)
        self._written, self._began, self._flushed = 0, at, at
        self._append(Frame(at, Beginning(VERSION, self._broker, self._number)))
        self.flush()

    def _end_segment(self) -> None:
        if self._stream is not None:
            self._stream.flush(zstandard.FLUSH_FRAME)
        if self._file is not None:
            self._file.close()
        self._stream = self._file = None

    def _remove_old(self) -> None:
        kept = 0
        for _, path in reversed(segments_of(self._recording)):
            status = path.stat()
            kept += status.st_size
            is_old = time.time() - status.st_mtime > self._limits.total_s
            if path != self.segment and (is_old or kept > self._limits.total_bytes):
                with suppress(FileNotFoundError):
                    path.unlink()
