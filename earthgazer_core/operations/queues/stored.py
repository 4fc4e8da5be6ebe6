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


def digest_of(raw: bytes) -> str:
    """Return what tells a message from others."""
    # SHA-1 is what scripts in the broker can compute; it tells messages apart, it guards nothing.
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()
