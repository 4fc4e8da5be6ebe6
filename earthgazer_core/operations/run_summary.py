"""One line on a workflow run: its state, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from earthgazer_core.db.tables import WorkflowRunRow
from earthgazer_core.operations.run_steps import FUTURE, RUNNING, FoundStep
from earthgazer_core.recorder.order import FAILED, REPLACED, SUCCEEDED


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run."""

    run_id: str
    """Its id."""
    name: str
    """Workflow name, or the first task's."""
    state: str
    """``running``, ``waiting``, ``succeeded``, ``failed`` or ``cancelled``."""
    created_at: datetime
    """Aware UTC."""
    finished_at: datetime | None
    """When its last step ended; None while it goes on."""
    total: int
    """Steps known, future ones included."""
    done: int
    """Steps that succeeded."""
    failed: int
    """Steps that failed or were revoked; a body blocked by those isn't counted."""
    running: int
    """Steps that a worker has."""
    waiting: int
    """Steps that wait in a queue."""
    percent: float
    """Share of the steps done, those running counted by their progress."""
    subject: str
    """What it works on, ``capture 12`` or ``5 captures``; may be empty."""
    captures: tuple[int, ...]
    """Captures that it works on."""


def summarise(run: WorkflowRunRow, steps: Sequence[FoundStep]) -> RunSummary:
    """Return the summary of a run with these steps."""
    done = sum(step.state in SUCCEEDED for step in steps)
    failed = sum(step.state in FAILED and not step.is_blocked for step in steps)
    running = sum(step.state in RUNNING - {REPLACED} for step in steps)
    waiting = sum(step.state == "PENDING" for step in steps)
    # What would have taken the place of a replaced task never comes in a cancelled run, nor after a failure
    # that nothing goes on beside.
    if run.cancelled_at is None and (running or waiting or not failed):
        running += sum(step.state == REPLACED for step in steps)
    future = sum(step.state == FUTURE for step in steps)
    state = _state(run, done=done, failed=failed, running=running, waiting=waiting, future=future)
    executions = [step.execution for step in steps if step.execution is not None]
    ends = [execution.finished_at for execution in executions if execution.finished_at is not None]
    progress = sum((execution.percent or 0) / 100 for execution in executions if execution.state in RUNNING)
    captures = tuple(sorted({found.capture_id for found in executions if found.capture_id is not None}))
    is_over = state in ("succeeded", "failed", "cancelled")
    return RunSummary(
        run_id=run.run_id,
        name=run.name,
        state=state,
        created_at=run.created_at,
        finished_at=max(ends) if is_over and ends else None,
        total=len(steps),
        done=done,
        failed=failed,
        running=running,
        waiting=waiting,
        percent=round(100 * (done + progress) / len(steps), 1) if steps else 0.0,
        subject=_subject(captures),
        captures=captures,
    )


def _state(run: WorkflowRunRow, *, done: int, failed: int, running: int, waiting: int, future: int) -> str:
    if running:
        return "running"
    if run.cancelled_at is not None:
        return "cancelled"
    if waiting:
        return "running" if done or failed else "waiting"
    if failed:
        return "failed"
    # With nothing queued, a step between two others is on its way; a run without any has just begun.
    return "running" if future or not done else "succeeded"


def _subject(captures: Sequence[int]) -> str:
    if len(captures) == 1:
        return f"capture {captures[0]}"
    return f"{len(captures)} captures" if captures else ""
