"""The steps of workflow runs as the record has them: foretold, and what became of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session, aliased, defer, load_only

from earthgazer_core.db.tables import TaskExecutionRow, WorkflowStepRow

FUTURE = "FUTURE"
"""State of a step whose message was not published yet."""
RUNNING = frozenset({"RECEIVED", "STARTED", "PROGRESS", "RETRY", "REJECTED", "REPLACED"})
"""States of steps that a worker has, or that others stand for."""


@dataclass(frozen=True, slots=True)
class FoundStep:
    """One step of a run."""

    run_id: str
    """The run."""
    task_id: str
    """Id of its task, known also where it is yet to be published."""
    name: str
    """Task name."""
    after: tuple[str, ...]
    """Ids of the steps that it waits for."""
    chord_size: int | None
    """Members of the header where it is a chord's body."""
    ordinal: int
    """Its place in the run."""
    execution: TaskExecutionRow | None
    """What became of it; None where it was not published."""

    @property
    def state(self) -> str:
        """A state of a task, or FUTURE."""
        return FUTURE if self.execution is None else self.execution.state

    @property
    def is_blocked(self) -> bool:
        """Whether a failure before it keeps it from ever running."""
        return self.execution is not None and self.execution.blocked_by is not None


# They are long, and no run shows them.
_SHOWN = (defer(TaskExecutionRow.result), defer(TaskExecutionRow.traceback))
# A row has some forty columns, and a list of runs thousands of rows.
_COUNTED = (
    load_only(
        TaskExecutionRow.task_id,
        TaskExecutionRow.run_id,
        TaskExecutionRow.parent_id,
        TaskExecutionRow.name,
        TaskExecutionRow.state,
        TaskExecutionRow.blocked_by,
        TaskExecutionRow.percent,
        TaskExecutionRow.finished_at,
        TaskExecutionRow.capture_id,
        raiseload=True,
    ),
)


def find_steps(
    session: Session, run_ids: Sequence[str], *, is_for_counts: bool = False
) -> Mapping[str, list[FoundStep]]:
    """Return the steps of runs in order, by run.

    Args:
        session: Database session.
        run_ids: The runs.
        is_for_counts: Read of each execution only what a line on its run is made of.
    """
    found: dict[str, list[FoundStep]] = defaultdict(list)
    read = _COUNTED if is_for_counts else _SHOWN
    foretold = session.execute(
        select(WorkflowStepRow, TaskExecutionRow)
        .options(*read, defer(WorkflowStepRow.signature))
        .outerjoin(TaskExecutionRow, TaskExecutionRow.task_id == WorkflowStepRow.task_id)
        .where(WorkflowStepRow.run_id.in_(run_ids))
        .order_by(WorkflowStepRow.run_id, WorkflowStepRow.ordinal)
    )
    for step, execution in foretold:
        found[step.run_id].append(
            FoundStep(
                step.run_id,
                step.task_id,
                step.name,
                tuple(step.after),
                step.chord_size,
                step.ordinal,
                execution,
            )
        )
    copy = aliased(TaskExecutionRow)
    others = session.scalars(
        select(TaskExecutionRow)
        .options(*read)
        .outerjoin(
            WorkflowStepRow,
            and_(
                WorkflowStepRow.task_id == TaskExecutionRow.task_id,
                WorkflowStepRow.run_id == TaskExecutionRow.run_id,
                # Said once more, so that no steps of other runs are read.
                WorkflowStepRow.run_id.in_(run_ids),
            ),
        )
        .where(TaskExecutionRow.run_id.in_(run_ids), WorkflowStepRow.task_id.is_(None))
        # A step that was copied goes on under the copy's id.
        .where(~exists().where(copy.copy_of == TaskExecutionRow.task_id))
        .order_by(TaskExecutionRow.sent_at)
    )
    for execution in others:
        if execution.run_id is not None:
            after = (execution.parent_id,) if execution.parent_id else ()
            steps = found[execution.run_id]
            steps.append(
                FoundStep(
                    execution.run_id, execution.task_id, execution.name, after, None, 1 << 62, execution
                )
            )
    return found
