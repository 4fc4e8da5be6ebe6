"""A workflow run as the record has it, with all that is left of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import TaskExecutionRow, WorkflowRunRow, WorkflowStepRow
from earthgazer_core.errors import NotFoundError
from earthgazer_core.recorder.order import REPLACED, SUCCEEDED


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run, its steps and what became of them."""

    row: WorkflowRunRow
    """Its row."""
    executions: Mapping[str, TaskExecutionRow]
    """Executions by task id, those included that it kept of a run that it goes on for."""
    steps: tuple[WorkflowStepRow, ...]
    """What its messages foretold, in order."""

    @property
    def open(self) -> list[TaskExecutionRow]:
        """Executions that did not succeed and that nothing has taken the place of."""
        copied = {row.copy_of for row in self.executions.values()}
        order = {step.task_id: step.ordinal for step in self.steps}
        found = [
            row
            for row in self.executions.values()
            if row.state not in (*SUCCEEDED, REPLACED)
            and row.blocked_by is None
            and row.task_id not in copied
        ]
        return sorted(found, key=lambda row: (order.get(row.task_id, 1 << 62), row.task_id))

    @property
    def kept(self) -> int:
        """How many steps succeeded."""
        return sum(row.state in SUCCEEDED for row in self.executions.values())

    def later(self, open_ids: Iterable[str]) -> list[WorkflowStepRow]:
        """Return the steps that were never published, or that never ran because a header failed."""
        known = set(open_ids)
        return [
            step
            for step in self.steps
            if step.task_id not in known
            and ((row := self.executions.get(step.task_id)) is None or row.blocked_by is not None)
        ]

    def lost(self, known_ids: Iterable[str]) -> list[WorkflowStepRow | TaskExecutionRow]:
        """Return what is yet to come and not among these; a task that was replaced is, too."""
        known = set(known_ids)
        replaced = [row for row in self.executions.values() if row.state == REPLACED]
        return [*self.later(known), *(row for row in replaced if row.task_id not in known)]


def load_run(session: Session, run_id: str, *, is_locked: bool = False) -> RecordedRun:
    """Return a run as it is recorded.

    Args:
        session: Database session.
        run_id: Its id.
        is_locked: Whether others that ask for the lock wait until the session ends.

    Raises:
        NotFoundError: no such run was recorded.
    """
    row = session.get(WorkflowRunRow, run_id, with_for_update=is_locked)
    if row is None:
        raise NotFoundError(f"no run {run_id} was recorded")
    steps = session.scalars(
        select(WorkflowStepRow).where(WorkflowStepRow.run_id == run_id).order_by(WorkflowStepRow.ordinal)
    ).all()
    executions = {
        one.task_id: one
        for one in session.scalars(select(TaskExecutionRow).where(TaskExecutionRow.run_id == run_id))
    }
    # What a resumed run kept belongs to the run that it was done for.
    missing = [step.task_id for step in steps if step.task_id not in executions]
    for one in session.scalars(select(TaskExecutionRow).where(TaskExecutionRow.task_id.in_(missing))):
        executions[one.task_id] = one
    return RecordedRun(row, executions, tuple(steps))
