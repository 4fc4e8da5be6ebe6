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
    is_dismissed: bool = False
    """Whether an operator took it from the list of failures."""


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
class FailedTry:
    """A try of a task that failed, before its last failure or before it succeeded."""

    change: StateChange
    """When and where it failed, and why in one line."""
    traceback: str
    """Several lines; may be empty."""
    log: str
    """What it logged last before; may be empty."""


@dataclass(frozen=True, slots=True)
class TaskLink:
    """A task that has to do with another."""

    kind: str
    """``parent``, ``child``, ``next``, ``group``, ``copy``, …"""
    task_id: str
    """Its id."""
    name: str
    """Task name; empty where it isn't known."""
    state: str
    """Its state; FUTURE where it is yet to be published, empty where it isn't known."""
    note: str = ""
    """What else is to say; may be empty."""


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of one kind."""

    key: str
    """Names the kind."""
    name: str
    """Task name."""
    error_type: str
    """Exception class; may be empty."""
    message: str
    """Its message without what differs from one to the next."""
    sample: str
    """First line of the newest message, as it was."""
    frame: str
    """``file:function`` in the task's own code; may be empty."""
    count: int
    """How many there are."""
    first_at: datetime | None
    """When the oldest failed, aware UTC."""
    last_at: datetime | None
    """When the newest failed."""
    task_ids: tuple[str, ...]
    """All of them, the newest first."""
    is_dead: bool
    """Whether they are dead letters: they killed their processes."""


@dataclass(frozen=True, slots=True)
class FailureGroups:
    """What was found."""

    groups: tuple[FailureGroup, ...]
    """The one that failed last comes first."""
    is_cut: bool
    """Whether there are failures that weren't looked at, or more groups."""


@dataclass(frozen=True, slots=True)
class EditableArguments:
    """The whole arguments of a task as text to change."""

    task_id: str
    """The task."""
    name: str
    """Task name."""
    text: str
    """``{"args": […], "kwargs": {…}}`` in JSON; what a terminal could not show is escaped in it."""
    source: str
    """Where they are from."""


@dataclass(frozen=True, slots=True)
class ArgumentsReview:
    """What an edit of arguments comes to."""

    problem: str
    """What is wrong with the text; empty where it can be sent."""
    line: int = 0
    """Where, from 1; 0 where nothing is wrong."""
    column: int = 0
    """Likewise."""
    difference: str = ""
    """What it changes, as a unified diff; empty where nothing does."""


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
    links: tuple[TaskLink, ...] = ()
    """Tasks before, after and beside it."""
    log: str = ""
    """What it logged last before its last failure; empty where nobody recorded it."""
    earlier: tuple[FailedTry, ...] = ()
    """Tries that failed before that, in time order."""
