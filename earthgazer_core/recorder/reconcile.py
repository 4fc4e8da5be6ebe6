"""Messages that were recorded and are nowhere: found, and published again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from earthgazer_core.db.session import now
from earthgazer_core.db.tables import TaskExecutionRow, TaskMessageRow, TaskStateChangeRow, WorkflowRunRow

_WAITING = ("PENDING", "RECEIVED", "RETRY")
_BEGUN = ("STARTED", "PROGRESS", "REJECTED")


@dataclass(frozen=True, slots=True)
class LostTask:
    """A task that is unfinished by the record and in nobody's hands."""

    task_id: str
    """Celery's id."""
    name: str
    """Task name."""
    state: str
    """Its last recorded state."""
    queue: str | None
    """Queue that its message goes to."""
    silent_since: datetime
    """Time of its last recorded change."""
    sent_at: datetime | None
    """When its message was last published; None where its publisher's record is missing."""


def unfinished(session: Session, *, grace_s: float, limit: int = 10_000) -> tuple[LostTask, ...]:
    """Return recorded tasks that are unfinished and of which nothing was heard for a while.

    Tasks of cancelled runs are left out: their messages are meant to be gone.

    Args:
        session: Database session.
        grace_s: Seconds of silence; a message takes some time from a publisher's record to a queue.
        limit: At most so many, the oldest first.
    """
    row = TaskExecutionRow
    rows = session.scalars(
        select(TaskExecutionRow)
        .join(TaskMessageRow, TaskMessageRow.task_id == TaskExecutionRow.task_id)
        .outerjoin(WorkflowRunRow, WorkflowRunRow.run_id == TaskExecutionRow.run_id)
        .where(
            row.state.in_((*_WAITING, *_BEGUN)),
            row.updated_at < now(session) - timedelta(seconds=grace_s),
            WorkflowRunRow.cancelled_at.is_(None),
        )
        .order_by(TaskExecutionRow.updated_at)
        .limit(limit)
    )
    return tuple(
        LostTask(
            found.task_id, found.name, found.state, found.queue or found.routing_key, found.updated_at,
            found.sent_at,
        )
        for found in rows
    )  # fmt: skip


def may_be_lost(task: LostTask, at: datetime, begun_grace_s: float | None) -> bool:
    """Whether a task that nobody has may be published again.

    Args:
        task: The task.
        at: The moment, by the database's clock.
        begun_grace_s: Seconds of silence after which that goes for one that a worker had begun; None never.
            Above the hard time limit none of them can run any more. Below it they run twice where a worker
            only lost its voice, which is safe for tasks that are idempotent.
    """
    if task.state not in _BEGUN:
        return True
    return begun_grace_s is not None and task.silent_since < at - timedelta(seconds=begun_grace_s)


def missing(candidates: Sequence[LostTask], present: Collection[str]) -> tuple[LostTask, ...]:
    """Return the candidates that are not among the ids seen in queues, unacknowledged or on workers."""
    return tuple(task for task in candidates if task.task_id not in present)


def note_republished(session: Session, task_id: str) -> None:
    """Write down that a lost message was published again; it is the same attempt."""
    row = session.get(TaskExecutionRow, task_id)
    if row is None:
        return
    row.updated_at = at = now(session)
    session.add(
        TaskStateChangeRow(
            task_id=task_id,
            state="PENDING",
            at=at,
            worker=None,
            attempt=row.attempt,
            detail={"lost": "published again"},
        )
    )
