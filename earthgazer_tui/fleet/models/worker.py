"""Workers as the console shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class WorkerState(StrEnum):
    """What is known of a worker; none is ever called offline."""

    SEEN = "seen"
    """Heard of in the last seconds."""
    LATE = "late"
    """Not heard of for a few heartbeats."""
    LOST = "lost"
    """Not heard of for long."""
    STOPPED = "stopped"
    """Said good-bye."""


class Lever(StrEnum):
    """Something that can be done to workers with some pools and not with others."""

    RESIZE = "resize"
    AUTOSCALE = "autoscale"
    RESTART = "restart"
    RATE_LIMIT = "rate limit"
    SOFT_LIMIT = "soft time limit"
    HARD_LIMIT = "hard time limit"


@dataclass(frozen=True, slots=True)
class RunningTask:
    """A task that runs on a worker."""

    task_id: str
    """Celery's id."""
    name: str
    """Task name."""
    started_at: datetime | None
    """Aware UTC."""
    percent: float | None
    """Progress, where the task tells it."""
    stage: str
    """What it is doing; may be empty."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker at one moment."""

    hostname: str
    """Node name, ``cpu1@host``."""
    state: WorkerState
    """What is known of it."""
    last_seen_s: float
    """Seconds since it was heard of."""
    pool: str
    """``prefork``, ``threads``, ``solo``, …; empty while unknown."""
    pool_size: int | None
    """Processes that there truly are, not the number asked for."""
    active: int
    """Tasks that run."""
    processed: int | None
    """Tasks since its start."""
    prefetch: int | None
    """Messages that it may hold."""
    load: tuple[float, ...]
    """Load averages of its host."""
    memory_bytes: int | None
    """Resident memory of the parent process, where told."""
    uptime_s: float | None
    """Seconds since its start."""
    queues: tuple[str, ...]
    """Queues that it consumes."""
    running: tuple[RunningTask, ...]
    """Tasks that run."""
    local_name: str | None
    """Its name in the embedded stack; None where it isn't ours to stop."""
    resize_refusal: str
    """Why its pool can't be resized; empty where it can."""
    refusals: tuple[tuple[Lever, str], ...] = ()
    """Why it can't do what it can't, by lever."""
    changes: tuple[str, ...] = ()
    """What is not as it was configured, and is lost at its next restart."""
    autoscale: tuple[int, int] | None = None
    """(least, most) processes where it scales itself."""

    def refusal(self, lever: Lever) -> str:
        """Return why it can't do that; empty where it can, or where it is not known yet."""
        return dict(self.refusals).get(lever, "")
