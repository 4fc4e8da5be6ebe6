"""Recorded tasks that match a filter line, newest change first."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.operations.executions import Execution, execution_of
from earthgazer_core.operations.filter import Filter, where


def search_executions(
    session: Session, filter_: Filter, *, limit: int = 200, now: datetime | None = None
) -> tuple[Execution, ...]:
    """Return the executions that match, newest change first.

    Args:
        session: Database session; the caller limits the time of a statement.
        filter_: What is wanted.
        limit: At most so many.
        now: The moment that spans count back from; the moment of this call if None.
    """
    query = (
        select(TaskExecutionRow)
        # They are long, and no list shows them.
        .options(defer(TaskExecutionRow.result), defer(TaskExecutionRow.traceback))
        .where(*where(filter_, now))
        .order_by(TaskExecutionRow.updated_at.desc())
        .limit(limit)
    )
    return tuple(execution_of(row) for row in session.scalars(query))
