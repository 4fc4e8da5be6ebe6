"""Tasks as the console shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One line of a list of tasks."""

    task_id: str
    """Celery's id."""
    name: str
    """Task name."""
    state: str
    """A name of :mod:`celery.states`, or PROGRESS."""
    queue: str | None
    """Queue, where known."""
    worker: str | None
    """Node name, where known."""
    at: datetime
    """Time of the newest change, aware UTC."""
    runtime_s: float | None
    """Run time, once ended."""
    retries: int
    """Automatic retries."""
    attempt: int
    """1, and one more for each retry by an operator."""
    error_type: str | None
    """Exception class of a failure."""
    error_message: str | None
    """First line of its message."""
    capture_id: int | None
    """Capture that it works on."""
    run_id: str | None
    """Workflow run that it belongs to."""
    blocked_by: str | None = None
    """A chord's body that never ran: the header that failed."""


class RetryMode(StrEnum):
    """How a task can be retried."""

    IN_PLACE = "in place"
    COPY = "copy"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RetryOffer:
    """Whether and how a task can be retried."""

    mode: RetryMode
    """How."""
    reason: str
    """What comes with it, or why it is refused."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """One change of a task's state."""

    state: str
    """The new state."""
    at: datetime
    """Aware UTC."""
    worker: str | None
    """Who told."""
    attempt: int
    """Attempt that it belongs to."""
    detail: str
    """One line; may be empty."""


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """Everything about one task."""

    row: TaskRow
    """Its line in a list."""
    args: str
    """Positional arguments as JSON or repr, untruncated unless the source is."""
    kwargs: str
    """Keyword arguments likewise."""
    args_source: str
    """``recorded message``, ``event (may be cut)``, …"""
    is_redacted: bool
    """Whether values are hidden."""
    result: str
    """The result as JSON; empty where there is none."""
    traceback: str
    """Several lines; empty where there is none."""
    timeline: tuple[StateChange, ...]
    """In time order."""
    parent_id: str | None
    """The task that published it."""
    root_id: str | None
    """The first task of its chain."""
    group_id: str | None
    """Its group."""
    retry: RetryOffer
    """Whether and how it can be retried."""
