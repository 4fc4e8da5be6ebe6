"""Messages in queues and in workers' hands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Place(StrEnum):
    """Where a message is."""

    WAITING = "waiting"
    """In its queue."""
    HELD = "held"
    """With a worker: it runs, or is next there."""
    TIMED = "timed"
    """With a worker that waits for the message's time."""


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """One message as a line of a list."""

    key: str
    """Identity among the messages shown; verbs take it."""
    queue: str
    """Its queue."""
    place: Place
    """Where it is."""
    position: int | None
    """0 is the next to run of those that wait; None with a worker."""
    priority: int | None
    """Priority step that it waits in; None where that isn't known."""
    task_id: str
    """Celery's id; empty where the message has none."""
    name: str
    """Task name; empty where the message has none."""
    arguments: str
    """Arguments on one line, cut; hidden ones stay hidden."""
    note: str
    """Why the arguments aren't those of the message; empty where they are."""
    sent_at: datetime | None
    """When it was published, where that is recorded; the broker keeps no such time."""
    eta: datetime | None
    """Not to run before."""
    expires: datetime | None
    """Discarded after."""
    retries: int
    """Automatic retries so far."""
    is_redelivered: bool
    """Whether a worker had it before and did not finish."""
    held_s: float | None
    """Seconds since a worker got it; None for one that waits."""
    given_back_in_s: float | None
    """Seconds until the broker gives it to another worker; None for one that waits."""
    is_eta_too_far: bool
    """Whether it will be given to another worker before its time has come, and so run twice."""
    follows: tuple[str, ...]
    """Names of the tasks that come after it, next first."""


@dataclass(frozen=True, slots=True)
class QueueContents:
    """What is in a queue, and what workers hold of it."""

    queue: str
    """The queue."""
    waiting: int
    """Messages that wait, also those not listed."""
    held: int | None
    """Messages that workers hold, also those not listed; None where the broker doesn't tell."""
    messages: tuple[QueueMessage, ...]
    """Those that wait, next to run first, then those held, the oldest first; the first so many of each."""
    others: tuple[str, ...]
    """Other queues that a message could go to."""
    is_free_to_look: bool = True
    """Whether looking disturbs nothing; RabbitMQ has to take messages out and put them back."""


@dataclass(frozen=True, slots=True)
class MessageDetail:
    """One message in full, decoded without ever being unpickled."""

    row: QueueMessage
    """The message."""
    is_gone: bool
    """Whether it is no longer where it was seen."""
    args: str
    """Positional arguments."""
    kwargs: str
    """Named arguments."""
    arguments_from: str
    """``message``, ``repr`` or ``nowhere``."""
    content_type: str
    """``application/json``, …; empty where not known."""
    size_bytes: int | None
    """Size of the whole message, where known."""
    parent_id: str | None
    """The task that published it."""
    root_id: str | None
    """The first task of its workflow."""
    group_id: str | None
    """Its group."""
    links: tuple[str, ...]
    """Names of the tasks that are sent when it has ended well."""
    error_links: tuple[str, ...]
    """Names of the tasks that are sent when it has failed."""
    headers: tuple[tuple[str, str], ...]
    """All headers, by name."""
