"""What one worker says of itself when it is looked at closely."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FactKind(StrEnum):
    """A question to a worker."""

    STATS = "stats"
    CLOCK = "clock"
    ACTIVE = "active"
    RESERVED = "reserved"
    SCHEDULED = "scheduled"
    QUEUES = "active_queues"
    REVOKED = "revoked"
    REGISTERED = "registered"
    CONF = "conf"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class FactRow:
    """One thing that a worker said."""

    key: str
    """Identifies it within its kind."""
    name: str
    """What it is of: a setting, a task, a queue, a task's id."""
    value: str
    """What was said of it."""
    note: str = ""
    """What else is to be known of it, ``default``, ``since 12 s``; may be empty."""


@dataclass(frozen=True, slots=True)
class WorkerFact:
    """A worker's answer to one question."""

    kind: FactKind
    """The question."""
    rows: tuple[FactRow, ...]
    """The answer, a line each."""
    elapsed_s: float
    """Seconds until it came."""
    trouble: str = ""
    """Why there is no answer; empty where there is one."""
