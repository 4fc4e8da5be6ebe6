"""The fleet at one moment, as built off the event loop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from earthgazer_tui.fleet.models.queue import QueueDepth
from earthgazer_tui.fleet.models.replay import ReplayPosition
from earthgazer_tui.fleet.models.task import TaskRow
from earthgazer_tui.fleet.models.worker import Worker


class ServiceState(StrEnum):
    """What is known of a service."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    ABSENT = "absent"
    """None is configured."""


@dataclass(frozen=True, slots=True)
class Service:
    """The broker or the database."""

    state: ServiceState
    """What is known of it."""
    detail: str
    """One line: where it is (no secrets), or why it is down."""
    since: datetime | None
    """Since when it is in this state."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that an operator should know."""

    severity: str
    """``critical`` or ``warning``."""
    text: str
    """One line."""
    hint: str
    """The key or command that helps; may be empty."""


@dataclass(frozen=True, slots=True)
class Badges:
    """Counts beside the screens' names; None where unknown."""

    captures: int | None = None
    """Captures in work."""
    queues: int | None = None
    """Messages waiting."""
    workflows: int | None = None
    """Runs in work."""
    failed: int | None = None
    """Failed tasks not dismissed."""
    workers: int | None = None
    """Workers seen."""
    tasks: int | None = None
    """Tasks that run."""
    schedule: int | None = None
    """Periodic tasks that are due and not sent."""
    doctor: int | None = None
    """What Doctor found when it looked last."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Rates over the last minute, from events."""

    finished_per_s: float = 0.0
    """Tasks that ended, well or not."""
    failed_percent: float | None = None
    """Share of those that failed; None where none ended."""
    oldest_waiting_s: float | None = None
    """Age of the oldest waiting task known."""
    throughput: tuple[float, ...] = ()
    """Tasks ended per second, one sample each 5 s, oldest first."""
    events_per_s: float = 0.0
    """Events taken in."""
    events_shed: int = 0
    """Events whose details were shed because there were too many."""
    event_gaps: int = 0
    """Times that events were missed lately, since nobody listened; 0 once the last is long ago."""
    is_deaf: bool = False
    """Whether workers are seen but none sends task events."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The fleet at one moment."""

    taken_at: datetime
    """Aware UTC."""
    context: str
    """Name of what we look at: ``embedded``, ``configured`` or a context's name."""
    is_embedded: bool
    """Whether the stack was started by us."""
    is_read_only: bool
    """Whether changing commands are removed."""
    broker: Service
    """The broker."""
    database: Service
    """The database."""
    queues: tuple[QueueDepth, ...]
    """In stable order."""
    workers: tuple[Worker, ...]
    """In stable order."""
    counters: Counters
    """Rates."""
    badges: Badges
    """Counts beside the screens' names."""
    alerts: tuple[Alert, ...]
    """Worst first."""
    recent: tuple[TaskRow, ...]
    """Newest tasks from events, newest first, at most 50."""
    is_foreign: bool = False
    """Whether the fleet isn't known to be EarthGazer's, so that there is no imagery to work on."""
    first_steps: str = ""
    """What to press on an empty sandbox; empty otherwise."""
    replay: ReplayPosition | None = None
    """Where we are in a recording; None in a fleet that is alive."""
