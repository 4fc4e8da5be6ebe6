"""A local file as a source of bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from earthgazer_core.errors import StorageError
from earthgazer_core.storage.checksum import open_regular, read_chunks
from earthgazer_core.storage.source import Stream


class FileSource:
    """A regular file on this machine; links are not followed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.identity = str(path)
        self.label = str(path)

    @contextmanager
    def open(self, offset: int, version: str | None) -> Iterator[Stream]:
        """Open the file; see :meth:`earthgazer_core.storage.source.Source.open`."""
        with open_regular(self._path) as file:
            status = os.fstat(file.fileno())
            current = f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"
            start = offset if version == current and offset <= status.st_size else 0
            file.seek(start)
            yield Stream(self._chunks(file), start, status.st_size, current)

    def _chunks(self, file: IO[bytes]) -> Iterator[bytes]:
        try:
            yield from read_chunks(file)
        except OSError as error:
            raise StorageError(f"{self._path} can't be read: {error.strerror}") from error
