"""A queue and what waits in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """One queue at one moment."""

    name: str
    """Queue name."""
    depth: int
    """Messages waiting, over all priorities."""
    by_priority: tuple[tuple[int, int], ...]
    """(priority step, messages), highest urgency first; only steps in use or step 0."""
    unacked: int
    """Messages that workers hold."""
    oldest_unacked_s: float | None
    """Age of the oldest of those."""
    visibility_timeout_s: float
    """Age at which the broker gives a message to another worker."""
    consumers: int | None
    """Workers consuming; None where that can't be known yet."""
    in_rate: float | None
    """Messages published per second over the last minute."""
    out_rate: float | None
    """Messages finished per second over the last minute."""
    history: tuple[int, ...]
    """Depth over the last minutes, oldest first, one sample per second at most."""
