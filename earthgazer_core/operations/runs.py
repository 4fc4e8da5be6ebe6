"""Workflow runs: what their messages foretold, joined with what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import WorkflowRunRow
from earthgazer_core.errors import NotFoundError
from earthgazer_core.operations.run_filter import read_run_filter, run_matcher
from earthgazer_core.operations.run_steps import find_steps
from earthgazer_core.operations.run_summary import RunSummary, summarise
from earthgazer_core.operations.run_tree import RunStep, step_tree

SEARCHED = 2_000
"""Runs that are looked through for those that match a filter."""


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run and its steps."""

    row: RunSummary
    """Its line in the list."""
    steps: tuple[RunStep, ...]
    """In tree order: what a step waits for comes before it."""


def list_runs(
    session: Session, *, text: str = "", limit: int = 200, now: datetime | None = None
) -> tuple[RunSummary, ...]:
    """Return the newest runs that match a filter line; running ones come first.

    Args:
        session: Database session.
        text: Filter line, with the fields of :data:`~earthgazer_core.operations.run_filter.RUN_FIELDS`.
        limit: At most so many; of those that a filter has to look through, the newest :data:`SEARCHED`.
        now: The moment that spans count back from; the moment of this call if None.

    Raises:
        FilterError: the line can't be read.
    """
    filter_ = read_run_filter(text)
    matches = run_matcher(filter_, now or datetime.now(UTC))
    found: list[RunSummary] = []
    for offset in range(0, SEARCHED if filter_.terms else 1, limit):
        query = select(WorkflowRunRow).order_by(WorkflowRunRow.created_at.desc(), WorkflowRunRow.run_id)
        runs = session.scalars(query.limit(limit).offset(offset)).all()
        steps = find_steps(session, [run.run_id for run in runs], is_for_counts=True)
        found += filter(matches, (summarise(run, steps[run.run_id]) for run in runs))
        if len(found) >= limit or len(runs) < limit:
            break
    return tuple(sorted(found[:limit], key=lambda run: run.state not in ("running", "waiting")))


def show_run(session: Session, run_id: str) -> RunDetail:
    """Return one run with its steps.

    Raises:
        NotFoundError: there is none of that id.
    """
    run = session.get(WorkflowRunRow, run_id)
    if run is None:
        raise NotFoundError(f"no run {run_id} was recorded")
    steps = find_steps(session, [run_id])[run_id]
    return RunDetail(
        summarise(run, steps), tuple(step_tree(steps, is_cancelled=run.cancelled_at is not None))
    )
