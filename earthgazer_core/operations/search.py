"""Recorded tasks that match a filter line, newest change first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.operations.executions import Execution, execution_of
from earthgazer_core.operations.filter import Filter, where


def search_executions(
    session: Session,
    filter_: Filter,
    *,
    states: Sequence[str] = (),
    undismissed: bool = False,
    limit: int = 200,
    now: datetime | None = None,
) -> tuple[Execution, ...]:
    """Return the executions that match, newest change first.

    Args:
        session: Database session; the caller limits the time of a statement.
        filter_: What is wanted.
        states: Any of these alone; none means all.
        undismissed: Without those that an operator dismissed.
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
    if states:
        query = query.where(TaskExecutionRow.state.in_(states))
    if undismissed:
        query = query.where(TaskExecutionRow.dismissed_at.is_(None))
    return tuple(execution_of(row) for row in session.scalars(query))
