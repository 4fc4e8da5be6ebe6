"""A file on its way: bytes beside their final name, which they get only when they are whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from earthgazer_core.errors import NotFoundError, StorageError
from earthgazer_core.storage.checksum import CHUNK_BYTES, open_regular
from earthgazer_core.storage.lock import locked

_LONGEST_NOTE_BYTES = 65536


class PartialFile:
    """The bytes that came so far, as ``.<name>.part`` in the folder of their target.

    What they are part of stands in ``.<name>.part.json``: source, version and size. Bytes without
    that note, or with another one, are never continued.
    """

    def __init__(self, target: Path, descriptor: int) -> None:
        self._target = target
        self._path = _part_of(target)
        self._note = self._path.with_name(f"{self._path.name}.json")
        self._descriptor = descriptor
        self._is_gone = False

    @classmethod
    @contextmanager
    def beside(cls, target: Path, patience_s: float) -> Iterator[PartialFile]:
        """Yield the partial file of ``target``, held by this process alone.

        Raises:
            ServiceUnavailableError: another process held it all through ``patience_s``.
            OSError: the folder can't be written.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(_part_of(target), patience_s) as descriptor:
            partial = cls(target, descriptor)
            try:
                yield partial
            finally:
                if partial.size == 0:
                    partial.discard()

    @property
    def size(self) -> int:
        """Bytes that came so far."""
        return os.fstat(self._descriptor).st_size

    def version_of(self, source: str) -> str | None:
        """Return the version of ``source`` that the bytes belong to; None if they belong to nothing known."""
        try:
            with open_regular(self._note) as file:
                note: Any = orjson.loads(file.read(_LONGEST_NOTE_BYTES))
        except (NotFoundError, StorageError, ValueError):
            return None
        is_ours = isinstance(note, dict) and note.get("source") == _digest(source)
        version = note.get("version") if is_ours else None
        return version if isinstance(version, str) else None

    def start(self, source: str, version: str | None) -> None:
        """Forget all bytes and note what the next ones belong to."""
        self._note.unlink(missing_ok=True)
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        if version is not None:
            fresh = self._note.with_name(f"{self._note.name}.new")
            fresh.unlink(missing_ok=True)
            # Exclusively: what somebody put there meanwhile, a link to elsewhere, is not written through.
            with fresh.open("xb") as file:
                file.write(orjson.dumps({"source": _digest(source), "version": version}))
            fresh.replace(self._note)

    def resume(self) -> hashlib._Hash:
        """Go to the end of the bytes that came so far; return their running digest."""
        digest = hashlib.sha256()
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        while chunk := os.read(self._descriptor, CHUNK_BYTES):
            digest.update(chunk)
        return digest

    def write(self, chunk: bytes) -> None:
        """Add bytes."""
        view = memoryview(chunk)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def discard(self) -> None:
        """Forget all bytes and give their space back; without effect once they have their final name."""
        if self._is_gone:
            # The name may be another process's by now.
            return
        self._is_gone = True
        self._note.unlink(missing_ok=True)
        os.ftruncate(self._descriptor, 0)
        self._path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the bytes their final name; once this returns they survive a power cut."""
        os.fchmod(self._descriptor, 0o644)
        os.fsync(self._descriptor)
        self._note.unlink(missing_ok=True)
        self._path.replace(self._target)
        self._is_gone = True
        folder = os.open(self._target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _part_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()
