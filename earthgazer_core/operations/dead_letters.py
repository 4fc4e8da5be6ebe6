"""Tasks that killed their processes, and are not run again unless an operator says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.operations.filter import Filter, where

DEAD_LETTER = "DeadLetterError"
"""Error type that marks them."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A task that was given up."""

    task_id: str
    """Celery's id."""
    name: str
    """Task name."""
    reason: str
    """How it died."""
    at: datetime
    """When it was given up, aware UTC."""
    attempt: int
    """Attempt that it was given up in."""
    starts: int
    """Times that a worker began it, all attempts together."""
    worker: str | None
    """Worker that had it last."""
    queue: str | None
    """Queue, where known."""
    run_id: str | None
    """Workflow run that it belongs to."""
    capture_id: int | None
    """Capture that it works on."""
    args_repr: str
    """Positional arguments as the publisher showed them; may be cut."""
    kwargs_repr: str
    """Named arguments likewise."""


def list_dead_letters(
    session: Session, filter_: Filter | None = None, limit: int = 200, *, now: datetime | None = None
) -> tuple[DeadLetter, ...]:
    """Return the tasks that were given up and that no operator dismissed, the newest first.

    Args:
        session: Database session.
        filter_: What is wanted; all if None.
        limit: At most so many.
        now: The moment that spans count back from; the moment of this call if None.
    """
    rows = session.scalars(
        select(TaskExecutionRow)
        .options(defer(TaskExecutionRow.result), defer(TaskExecutionRow.traceback))
        .where(
            TaskExecutionRow.state == "FAILURE",
            TaskExecutionRow.error_type == DEAD_LETTER,
            TaskExecutionRow.dismissed_at.is_(None),
            *(where(filter_, now) if filter_ else ()),
        )
        .order_by(TaskExecutionRow.finished_at.desc())
        .limit(limit)
    )
    return tuple(
        DeadLetter(
            row.task_id, row.name, row.error_message or "", row.finished_at or row.updated_at, row.attempt,
            row.starts, row.worker, row.queue, row.run_id, row.capture_id, row.args_repr or "",
            row.kwargs_repr or "",
        )
        for row in rows
    )  # fmt: skip
