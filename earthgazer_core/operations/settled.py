"""Which runs are over for good: nothing of them is to come, and no failure of theirs waits for anybody."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import TaskExecutionRow, WorkflowRunRow, WorkflowStepRow
from earthgazer_core.operations.failures import open_failures
from earthgazer_core.recorder.order import FAILED, REPLACED, UNFINISHED

_UNPUBLISHED = ("PENDING", REPLACED)
"""Of a cancelled run, these have nothing to come either."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be known of a run before anything of it is deleted."""

    executions: int
    """Its executions."""
    newest: datetime
    """Its newest change."""
    has_failed: bool
    """Whether any of it failed or was revoked."""
    is_settled: bool
    """Whether it is over for good."""


def run_key() -> ColumnElement[str]:
    """Return what executions belong together by: the run, or for one without a run its own id."""
    return func.coalesce(TaskExecutionRow.run_id, TaskExecutionRow.task_id)


def of_runs(keys: Collection[str]) -> ColumnElement[bool]:
    """Return the condition for executions of these runs, in a form that indexes serve."""
    row = TaskExecutionRow
    return or_(row.run_id.in_(keys), and_(row.run_id.is_(None), row.task_id.in_(keys)))


def judge(session: Session, keys: Collection[str]) -> Mapping[str, Verdict]:
    """Return what becomes of these runs, by key."""
    row = TaskExecutionRow
    live = tuple(state for state in UNFINISHED if state not in _UNPUBLISHED)
    rows = session.execute(
        select(
            run_key().label("key"),
            func.count().label("executions"),
            func.max(row.updated_at).label("newest"),
            func.bool_or(row.state.in_(FAILED)).label("has_failed"),
            func.bool_or(and_(*open_failures())).label("is_open"),
            func.bool_or(row.state.in_(live)).label("is_live"),
            func.bool_or(row.state.in_(_UNPUBLISHED)).label("is_waiting"),
        )
        .where(of_runs(keys))
        .group_by(run_key())
    ).all()
    run = WorkflowRunRow
    cancelled = set(
        session.scalars(select(run.run_id).where(run.run_id.in_(keys), run.cancelled_at.is_not(None)))
    )
    future = _with_future(session, keys)
    found = {}
    for told in rows:
        goes_on = told.is_waiting or (told.key in future and not told.has_failed)
        is_unfinished = told.is_live or (goes_on and told.key not in cancelled)
        found[told.key] = Verdict(
            told.executions, told.newest, told.has_failed, not (told.is_open or is_unfinished)
        )
    return found


def _with_future(session: Session, keys: Collection[str]) -> set[str]:
    """Return the runs that foretell steps which nobody has published."""
    step = WorkflowStepRow
    is_published = select(TaskExecutionRow.task_id).where(TaskExecutionRow.task_id == step.task_id).exists()
    return set(session.scalars(select(step.run_id).where(step.run_id.in_(keys), ~is_published).distinct()))
