"""Where bytes come from: a stream that can be taken up again where it broke off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stream:
    """Bytes of one version of a source, from ``start`` to its end."""

    chunks: Iterator[bytes]
    """The bytes; raises RemoteUnavailableError where the connection breaks."""
    start: int
    """Offset of the first byte: what was asked for, or 0 where that can't be had."""
    size: int | None
    """Length of the whole source; None where it isn't told."""
    version: str | None
    """What changes when the bytes do: an entity tag or a time of modification; None where nothing does."""


class Source(Protocol):
    """Something that can be copied."""

    identity: str
    """Address of the source, for comparison only: it may hold secrets."""
    label: str
    """Address fit for messages."""

    def open(self, offset: int, version: str | None) -> AbstractContextManager[Stream]:
        """Open the stream at ``offset`` if it still is ``version``, else at its start.

        Raises:
            NotFoundError: there is no such thing.
            RemoteUnavailableError: it can't be had now.
            StorageError: it can't be had at all.
        """
        ...
