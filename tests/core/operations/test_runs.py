"""What is told of a run, from its steps and executions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskExecutionRow, WorkflowRunRow
from earthgazer_core.operations.runs import list_runs, show_run


@pytest.mark.parametrize(("is_cancelled", "state"), [(False, "running"), (True, "cancelled")])
def test_a_replaced_step_keeps_a_run_going_unless_it_was_cancelled(
    database: Database, is_cancelled: bool, state: str
) -> None:
    now = datetime.now(UTC)
    with database.session() as session:
        session.add(WorkflowRunRow(run_id="r", name="w", cancelled_at=now if is_cancelled else None))
        session.flush()
        for task_id, task_state in (("a", "SUCCESS"), ("b", "REPLACED"), ("c", "REVOKED")):
            session.add(
                TaskExecutionRow(
                    task_id=task_id, name="t", state=task_state, run_id="r", sent_at=now, finished_at=now
                )
            )
    with database.session() as session:
        [run] = list_runs(session)
        shown = {step.task_id: step for step in show_run(session, "r").steps}
    assert run.state == state
    assert shown["b"].error == ("cancelled" if is_cancelled else "")
