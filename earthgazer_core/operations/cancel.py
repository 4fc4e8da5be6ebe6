"""Cancelling a workflow run: what is published is revoked, what isn't yet will be discarded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from earthgazer_core.db.session import Database, now
from earthgazer_core.db.tables import TaskExecutionRow, WorkflowRunRow, WorkflowStepRow
from earthgazer_core.errors import NotFoundError, RefusedError
from earthgazer_core.operations import audit
from earthgazer_core.operations.mailbox import Answers, Mailbox
from earthgazer_core.operations.revoke import words
from earthgazer_core.recorder.order import REPLACED, UNFINISHED


@dataclass(frozen=True, slots=True)
class CancelResult:
    """What became of a wish to cancel."""

    run_id: str
    """The run."""
    published: tuple[str, ...]
    """Unfinished tasks that were revoked; one that runs ends by itself, and nothing follows it."""
    future: tuple[str, ...]
    """Steps that will be discarded when they are published."""
    answers: Answers
    """What the workers said."""


def cancel_run(
    database: Database,
    mailbox: Mailbox,
    run_id: str,
    expected: Sequence[str] = (),
    timeout_s: float = 2.0,
    *,
    context: str | None = None,
) -> CancelResult:
    """Revoke every unfinished step of a run, by id and by the run's stamp.

    Steps keep the ids that they were foretold with, so they can be revoked before they exist. Tasks
    that a running step is yet to invent have none; those the stamp catches.

    Raises:
        NotFoundError: there is no such run.
        RefusedError: nothing of it is left to cancel.
        ServiceUnavailableError: broker or database are away.
    """
    with database.session() as session:
        run = session.get(WorkflowRunRow, run_id, with_for_update=True)
        if run is None:
            raise NotFoundError(f"no run {run_id} was recorded")
        executed = session.execute(
            select(TaskExecutionRow.task_id, TaskExecutionRow.state, TaskExecutionRow.blocked_by).where(
                TaskExecutionRow.run_id == run_id
            )
        ).all()
        foretold = session.scalars(
            select(WorkflowStepRow.task_id).where(WorkflowStepRow.run_id == run_id)
        ).all()
        published = tuple(task_id for task_id, state, _ in executed if state in (*UNFINISHED, REPLACED))
        # A blocked body never ran, so its id is still to be used by a retry of its header.
        begun = {task_id for task_id, _, blocked_by in executed if blocked_by is None}
        future = tuple(task_id for task_id in foretold if task_id not in begun)
        if not published and not future:
            raise RefusedError(f"run {run_id} has ended: nothing of it is left to cancel")
        # Marked first: should workers be told and the mark be lost, a retry would publish poisoned ids.
        run.cancelled_at = run.cancelled_at or now(session)
    told = mailbox.ask_many(
        [
            ("revoke", {"task_id": [*published, *future]}),
            ("revoke_by_stamped_headers", {"headers": {"run_id": [run_id]}}),
        ],
        expected=expected,
        timeout_s=timeout_s,
    )
    answers = told["revoke"]
    detail = {"published": len(published), "future": len(future), **words(answers)}
    audit.record(database, "run.cancel", {"run_id": run_id}, "done", detail, context)
    return CancelResult(run_id, published, future, answers)
