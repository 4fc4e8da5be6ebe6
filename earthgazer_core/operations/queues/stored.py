"""A message as a broker keeps it, and what tells it from others."""

from __future__ import annotations

import hashlib
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


def digest_of(raw: bytes) -> str:
    """Return what tells a message from others."""
    # SHA-1 is what scripts in the broker can compute; it tells messages apart, it guards nothing.
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()
