"""Runs of workflows and their tasks, as the flight recorder kept them."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import TaskExecutionRow, WorkflowRunRow
from earthgazer_core.errors import NotFoundError


def newest(session: Session, limit: int) -> list[tuple[WorkflowRunRow, dict[str, int]]]:
    """Return the newest runs, each with its count of tasks by state."""
    rows = list(
        session.scalars(select(WorkflowRunRow).order_by(WorkflowRunRow.created_at.desc()).limit(limit))
    )
    counted = session.execute(
        select(TaskExecutionRow.run_id, TaskExecutionRow.state, func.count())
        .where(TaskExecutionRow.run_id.in_([row.run_id for row in rows]))
        .group_by(TaskExecutionRow.run_id, TaskExecutionRow.state)
    )
    states: dict[str, dict[str, int]] = {}
    for run_id, state, count in counted:
        if run_id is not None:
            states.setdefault(run_id, {})[state] = count
    return [(row, states.get(row.run_id, {})) for row in rows]


def get(session: Session, run_id: str) -> WorkflowRunRow:
    """Return a run by its id.

    Raises:
        NotFoundError: there is none.
    """
    row = session.get(WorkflowRunRow, run_id)
    if row is None:
        raise NotFoundError(f"no run {run_id}; `earthgazer workflows list` shows those that exist")
    return row


def tasks(session: Session, run_id: str) -> list[TaskExecutionRow]:
    """Return the tasks of a run in the order in which they were sent."""
    return list(
        session.scalars(
            select(TaskExecutionRow)
            .where(TaskExecutionRow.run_id == run_id)
            .order_by(TaskExecutionRow.sent_at, TaskExecutionRow.task_id)
        )
    )
