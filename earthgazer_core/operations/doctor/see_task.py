"""One task as Doctor sees it: its record, its message and its place in the queue, who has it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis
from celery import Celery
from celery.backends.redis import RedisBackend

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskExecutionRow, WorkflowStepRow
from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.operations.broker import Message, RedisBroker


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the flight recorder kept of a task."""

    name: str
    """Task name."""
    state: str
    """Newest state."""
    queue: str | None
    """Its queue."""
    worker: str | None
    """The worker that had it last."""
    updated_at: datetime
    """Time of the newest change."""
    error: str
    """One line of its failure; may be empty."""
    blocked_by: str | None
    """For a chord's body that never ran: the header that failed."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A step that a task waits for."""

    task_id: str
    """Its id."""
    name: str
    """Task name."""
    state: str
    """Its state; FUTURE where it was not published either."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message is."""

    message: Message
    """The message."""
    ahead: int
    """Messages of its queue that run before it; 0 for one in a worker's hands."""


@dataclass(frozen=True, slots=True)
class TaskSeen:
    """All that is known of one task."""

    task_id: str
    """Celery's id."""
    recorded: Recorded | None
    """None where there is no record."""
    run_id: str | None
    """Run of a step that was not published yet."""
    earlier: tuple[Earlier, ...]
    """What such a step waits for."""
    place: Place | None
    """None where it is neither in a queue nor unacknowledged."""
    result_state: str | None
    """State in the result backend; None where that knows nothing, or can't be asked."""


def find_place(broker: RedisBroker, task_id: str) -> Place | None:
    """Return where the message of a task is; goes through all queues."""
    found: Message | None = None
    behind = 0
    before: dict[str, dict[int, int]] = {}
    for message in broker.messages(broker.queue_names()):
        if message.task_id == task_id:
            if message.where == "unacked":
                return Place(message, 0)
            found, behind = message, 0
        elif found is not None and (message.queue, message.priority) == (found.queue, found.priority):
            # The list begins with the newest, so what follows runs earlier.
            behind += 1
        elif message.where == "queue":
            sizes = before.setdefault(message.queue, {})
            sizes[message.priority] = sizes.get(message.priority, 0) + 1
    if found is None:
        return None
    sizes = before.get(found.queue, {})
    return Place(found, behind + sum(size for step, size in sizes.items() if step < found.priority))


def find_record(database: Database, task_id: str) -> tuple[Recorded | None, str | None, tuple[Earlier, ...]]:
    """Return the record of a task and, for one that is yet to be published, its run and what it waits for."""
    with database.session() as session:
        row = session.get(TaskExecutionRow, task_id)
        if row is not None:
            message = (row.error_message or "").strip().splitlines()
            error = ": ".join(part for part in (row.error_type or "", message[0] if message else "") if part)
            return (
                Recorded(row.name, row.state, row.queue, row.worker, row.updated_at, error, row.blocked_by),
                row.run_id,
                (),
            )
        step = session.query(WorkflowStepRow).filter(WorkflowStepRow.task_id == task_id).first()
        if step is None:
            return None, None, ()
        earlier = []
        for earlier_id in step.after:
            before = session.get(TaskExecutionRow, earlier_id)
            named = session.get(WorkflowStepRow, (step.run_id, earlier_id))
            name = before.name if before else named.name if named else "?"
            earlier.append(Earlier(earlier_id, name, before.state if before else "FUTURE"))
        return None, step.run_id, tuple(earlier)


def find_result_state(app: Celery, task_id: str) -> str | None:
    """Return what the result backend knows of a task.

    Raises:
        ServiceUnavailableError: it is away.
    """
    backend: Any = app.backend
    if not isinstance(backend, RedisBackend):
        return None
    try:
        # Not through the backend, which would unpickle what a foreign fleet keeps as a pickle.
        raw = backend.client.get(backend.get_key_for_task(task_id))
    except (redis.RedisError, OSError) as error:
        raise ServiceUnavailableError(f"result backend unavailable: {error}") from error
    if raw is None:
        return None
    try:
        return str(json.loads(raw)["status"])
    except (ValueError, KeyError, TypeError):
        return "kept, but not as JSON"
