"""An object of a bucket as a source of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from earthgazer_core.storage.checksum import CHUNK_BYTES
from earthgazer_core.storage.problems import storage_problems
from earthgazer_core.storage.source import Stream

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import ObjectStore


class BucketSource:
    """An object on S3 or a service like it."""

    def __init__(self, store: ObjectStore, key: str, uri: str, *, is_asked_with_keys: bool = True) -> None:
        self._store = store
        self._key = key
        self._is_asked_with_keys = is_asked_with_keys
        self.identity = uri
        self.label = uri

    @contextmanager
    def open(self, offset: int, version: str | None) -> Iterator[Stream]:
        """Ask for the object; see :meth:`earthgazer_core.storage.source.Source.open`."""
        import obstore

        with storage_problems(self.label, is_asked_with_keys=self._is_asked_with_keys):
            head = obstore.head(self._store, self._key)
            size, current = head["size"], head["e_tag"]
            start = offset if current is not None and version == current and offset < size else 0
            if size == 0:
                chunks: Iterator[bytes] = iter(())
            else:
                result = obstore.get(
                    self._store, self._key, options={"range": {"offset": start}, "if_match": current}
                )
                chunks = self._chunks(result)
        yield Stream(chunks, start, size, current)

    def _chunks(self, result: GetResult) -> Iterator[bytes]:
        with storage_problems(self.label, is_asked_with_keys=self._is_asked_with_keys):
            for chunk in result.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)
