"""Workflow runs, as the recorder knows them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from earthgazer_core.operations import runs as core
from earthgazer_core.operations.filter import FilterError as CoreFilterError
from earthgazer_core.operations.run_summary import RunSummary
from earthgazer_core.operations.run_tree import RunStep as CoreRunStep
from earthgazer_tui.fleet.errors import FilterError
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.models import RunDetail, RunRow, RunStep


def list_runs(session: Session, text: str = "", limit: int = 200) -> tuple[RunRow, ...]:
    """Return runs that match, running ones first, then newest first.

    Raises:
        FilterError: the line can't be read.
    """
    try:
        return tuple(_row(run) for run in core.list_runs(session, text=text, limit=limit))
    except CoreFilterError as error:
        raise FilterError(sanitise.line(error.reason), error.line, error.position) from None


def show_run(session: Session, run_id: str) -> RunDetail:
    """Return one run with its steps.

    Raises:
        earthgazer_core.errors.NotFoundError: there is none of that id.
    """
    found = core.show_run(session, run_id)
    return RunDetail(_row(found.row), tuple(_step(step) for step in found.steps))


def _row(run: RunSummary) -> RunRow:
    return RunRow(
        run_id=sanitise.name(run.run_id),
        name=sanitise.name(run.name),
        state=sanitise.name(run.state),
        created_at=run.created_at,
        finished_at=run.finished_at,
        total=run.total,
        done=run.done,
        failed=run.failed,
        running=run.running,
        percent=run.percent,
        subject=sanitise.line(run.subject),
    )


def _step(step: CoreRunStep) -> RunStep:
    return RunStep(
        task_id=sanitise.name(step.task_id),
        name=sanitise.name(step.name),
        state=sanitise.name(step.state),
        depth=step.depth,
        after=tuple(sanitise.name(task_id) for task_id in step.after),
        joined=step.joined,
        percent=step.percent,
        stage=sanitise.line(step.stage or ""),
        started_at=step.started_at,
        finished_at=step.finished_at,
        error=sanitise.url(step.error or ""),
        capture_id=step.capture_id,
        sent_at=step.sent_at,
        is_critical=step.is_critical,
    )
