"""A queue, what waits in it, and what would be done to that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from earthgazer_tui.fleet.models.message import QueueMessage


@dataclass(frozen=True, slots=True)
class QueuePause:
    """That a queue is paused on all its consumers."""

    who: str
    """The operator who paused it, with where from."""
    at: datetime
    """Since when."""
    workers: tuple[str, ...]
    """Workers that go on when it is resumed."""
    is_ending: bool
    """Whether it was resumed, and these workers have not gone on yet."""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """One queue at one moment."""

    name: str
    """Queue name."""
    depth: int
    """Messages waiting, over all priorities."""
    by_priority: tuple[tuple[int, int], ...]
    """(priority step, messages), highest urgency first; only steps in use or step 0."""
    unacked: int | None
    """Messages that workers hold; None where the broker doesn't tell."""
    oldest_unacked_s: float | None
    """Age of the oldest of those."""
    visibility_timeout_s: float
    """Age at which the broker gives a message to another worker."""
    consumers: int | None
    """Workers consuming; None where that can't be known yet."""
    in_rate: float | None
    """Messages published per second over the last minute, or minutes where only the recorder knows."""
    out_rate: float | None
    """Messages finished per second likewise."""
    history: tuple[int, ...]
    """Depth over the last minutes, oldest first, one sample per second at most."""
    change_rate: float | None = None
    """Messages by which the depth grew per second over the last minute, where no other rate is known."""
    timed: int = 0
    """Messages among the held ones that wait for their time."""
    pause: QueuePause | None = None
    """Its pause; None where it isn't paused."""


@dataclass(frozen=True, slots=True)
class QueueHour:
    """The depth of a queue over the last hour, as far as it was watched."""

    queue: str
    """The queue."""
    samples: tuple[tuple[datetime, int], ...]
    """(time, depth), oldest first, every ten seconds."""


@dataclass(frozen=True, slots=True)
class MovePlan:
    """The dry run of a move."""

    queue: str
    """Where the messages are."""
    total: int
    """How many would be moved."""
    first: tuple[QueueMessage, ...]
    """The first of them."""
    gone: int
    """Messages asked for that are no longer there."""


@dataclass(frozen=True, slots=True)
class PurgePlan:
    """The dry run of a purge."""

    queue: str
    """The queue."""
    token: str
    """Names exactly these messages."""
    total: int
    """How many would be deleted."""
    by_priority: tuple[tuple[int, int], ...]
    """(priority step, messages)."""
    first: tuple[QueueMessage, ...]
    """The first of them."""
    held: int | None
    """Messages that workers hold, which stay; None where the broker doesn't tell."""
