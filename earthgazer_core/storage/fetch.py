"""Copying a source to a local file: resumed where it broke off, whole or not there at all."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from earthgazer_core.domain.progress import Progress, ProgressSink, unheard
from earthgazer_core.errors import PermanentError, RemoteUnavailableError, StorageError
from earthgazer_core.storage.checksum import sha256_of
from earthgazer_core.storage.model import Downloaded
from earthgazer_core.storage.partial import PartialFile
from earthgazer_core.storage.problems import write_problem
from earthgazer_core.storage.source import Source, Stream

_TRIES: Final = 4
"""Times that one call takes up a broken copy before it leaves the rest to a later one."""
_PATIENCE_S: Final = 30.0


def fetch(
    source: Source,
    target: Path,
    *,
    sha256: str | None = None,
    size_bytes: int | None = None,
    most_bytes: int | None = None,
    progress: ProgressSink = unheard,
    stage: str = "copying",
    patience_s: float = _PATIENCE_S,
) -> Downloaded:
    """Copy ``source`` to ``target``, verified, and return what is there now.

    Bytes gather in ``.<name>.part`` beside the target and get its name only when they are as many as the
    source said, match ``sha256`` and ``size_bytes`` where these are known, and are on the disk. A later
    call takes a broken copy up where it ended if the source still is the same version. Idempotent: a
    target that has the right digest, or without one the source's length, is left as it is. A source with
    more bytes than ``most_bytes``, or than were promised, is given up as soon as that is seen.

    Raises:
        NotFoundError: the source does not exist.
        RemoteUnavailableError: it can't be had now; what came is kept.
        ServiceUnavailableError: another process is writing the same target.
        StorageError: the bytes aren't those promised, or can't be written (a full disk).
    """
    try:
        with PartialFile.beside(target, patience_s) as partial:
            copy = _Copy(source, target, partial, sha256, size_bytes, most_bytes, progress, stage)
            return copy.run()
    except OSError as error:
        raise write_problem(target.parent, error) from error


class _Copy:
    def __init__(
        self, source: Source, target: Path, partial: PartialFile, sha256: str | None,
        size_bytes: int | None, most_bytes: int | None, progress: ProgressSink, stage: str,
    ) -> None:  # fmt: skip
        self._source = source
        self._target = target
        self._partial = partial
        self._sha256 = sha256
        self._size_bytes = size_bytes
        self._most_bytes = most_bytes
        self._progress = progress
        self._stage = stage

    def run(self) -> Downloaded:
        there = self._digest_of_target()
        if there is not None:
            self._partial.discard()
            return self._downloaded(there)
        try:
            digest, was_resumed = self._pour_until_whole()
            if was_resumed and self._sha256 not in (None, digest):
                # The bytes of an earlier try may be what is wrong: once more, from the start.
                self._partial.start(self._source.identity, None)
                digest, _ = self._pour_until_whole()
            if self._sha256 not in (None, digest):
                raise StorageError(
                    f"{self._source.label} does not match its checksum:"
                    f" sha256 {self._sha256} was promised, {digest} came"
                )
            self._partial.finish()
        except (PermanentError, OSError):
            self._partial.discard()
            raise
        return self._downloaded(digest)

    def _digest_of_target(self) -> str | None:
        """Return the digest of the target if it needn't be copied again."""
        try:
            size = self._target.lstat().st_size
        except FileNotFoundError:
            return None
        if self._size_bytes not in (None, size):
            return None
        if self._sha256 is None:
            with self._source.open(0, None) as stream:
                if stream.size != size:
                    return None
        digest = sha256_of(self._target)
        return digest if self._sha256 in (None, digest) else None

    def _pour_until_whole(self) -> tuple[str, bool]:
        was_resumed = False
        for tries_left in reversed(range(_TRIES)):
            before = self._partial.size
            try:
                digest, resumed = self._pour()
            except RemoteUnavailableError as error:
                is_broken_off = error.retry_after_s is None and self._partial.size > before
                can_go_on = self._partial.version_of(self._source.identity) is not None
                if not (is_broken_off and can_go_on and tries_left):
                    raise
                was_resumed = True
            else:
                return digest, was_resumed or resumed
        raise AssertionError("the last try raises or returns")

    def _pour(self) -> tuple[str, bool]:
        version = self._partial.version_of(self._source.identity)
        with self._source.open(self._partial.size if version else 0, version) as stream:
            self._check_size(stream)
            if stream.start == 0:
                self._partial.start(self._source.identity, stream.version)
                digest = hashlib.sha256()
            else:
                digest = self._partial.resume()
            done = stream.start
            total = stream.size or self._size_bytes or 0
            expected = stream.size if stream.size is not None else self._size_bytes
            self._progress(Progress(self._stage, done, total))
            for chunk in stream.chunks:
                done += len(chunk)
                self._check_length(done, expected)
                self._partial.write(chunk)
                digest.update(chunk)
                self._progress(Progress(self._stage, done, total))
        if expected is not None and done < expected:
            raise RemoteUnavailableError(
                f"{self._source.label} ended after {done} of {expected} bytes; what came is kept"
            )
        return digest.hexdigest(), stream.start > 0

    def _check_length(self, done: int, expected: int | None) -> None:
        if expected is not None and done > expected:
            raise StorageError(f"{self._source.label} sent {done} bytes where {expected} were promised")
        if self._most_bytes is not None and done > self._most_bytes:
            raise StorageError(
                f"{self._source.label} is larger than {self._most_bytes} bytes, the most that is fetched;"
                " if it is meant, raise EARTHGAZER__STORAGE__MAX_FILE_BYTES"
            )

    def _check_size(self, stream: Stream) -> None:
        if None not in (stream.size, self._size_bytes) and stream.size != self._size_bytes:
            raise StorageError(
                f"{self._source.label} has {stream.size} bytes where {self._size_bytes} were promised"
            )
        self._check_length(stream.size or 0, None)

    def _downloaded(self, sha256: str) -> Downloaded:
        return Downloaded(self._target, sha256, self._target.stat().st_size)
