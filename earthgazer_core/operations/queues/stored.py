"""A message as a broker keeps it, and what tells it from others."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Stored:
    """One message in its place."""

    raw: bytes = field(repr=False)
    """The message itself, by which it is removed or moved."""
    queue: str
    """Queue that it waits in."""
    priority: int
    """Its priority; on Redis the step of the list that it waits in."""
    position: int
    """0 is the next to run of its queue."""


class Digests:
    """What tells many messages from all others, in twenty bytes each: queues may hold millions."""

    _SIZE = 20

    def __init__(self) -> None:
        self._buckets: dict[bytes, bytearray] = {}
        """By their first two bytes."""

    def add(self, digest: str) -> None:
        """Add the digest of a message."""
        raw = bytes.fromhex(digest)
        bucket = self._buckets.get(raw[:2])
        if bucket is None:
            self._buckets[raw[:2]] = bytearray(raw)
        else:
            bucket += raw

    def __contains__(self, digest: str) -> bool:
        raw = bytes.fromhex(digest)
        bucket = self._buckets.get(raw[:2], b"")
        at = bucket.find(raw)
        while at >= 0 and at % self._SIZE:
            at = bucket.find(raw, at + 1)
        return at >= 0

    def __bool__(self) -> bool:
        return bool(self._buckets)


@dataclass(frozen=True, slots=True)
class Shown:
    """What waited with one priority when somebody looked."""

    size: int
    """How many messages."""
    known: Digests = field(repr=False)
    """All of them, or those that were next and those that workers had given back."""
    newest: tuple[str, ...] = ()
    """Digests of the newest: what waits nearer to its turn was there too. Empty where all are known."""


def was_given_back(raw: bytes) -> bool:
    """Whether a message had been with a worker which gave it back to its queue."""
    if b'"redelivered"' not in raw:
        return False
    try:
        # A retry takes the headers along, but not this.
        return json.loads(raw)["properties"]["delivery_info"]["redelivered"] is True
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def digest_of(raw: bytes) -> str:
    """Return what tells a message from others."""
    # SHA-1 is what scripts in the broker can compute; it tells messages apart, it guards nothing.
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()
