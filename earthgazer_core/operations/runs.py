"""Workflow runs: what their messages foretold, joined with what became of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session, aliased

from earthgazer_core.db.tables import TaskExecutionRow, WorkflowRunRow, WorkflowStepRow
from earthgazer_core.errors import NotFoundError
from earthgazer_core.operations.critical_path import Timed, critical_path
from earthgazer_core.operations.run_filter import read_run_filter, run_matcher

FUTURE = "FUTURE"
"""State of a step whose message was not published yet."""

SEARCHED = 2_000
"""Runs that are looked through for those that match a filter."""

_RUNNING = frozenset({"RECEIVED", "STARTED", "PROGRESS", "RETRY", "REJECTED", "REPLACED"})
_DONE = frozenset({"SUCCESS", "IGNORED"})
_FAILED = frozenset({"FAILURE", "REVOKED"})


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


@dataclass(frozen=True, slots=True)
class RunStep:
    """One step of a run."""

    task_id: str
    """Id of its task, known also where it is yet to be published."""
    name: str
    """Task name."""
    state: str
    """A state of a task, or FUTURE."""
    depth: int
    """Level in the tree, 0 for roots; the links of a chain have the same."""
    after: tuple[str, ...]
    """Ids of the steps that it waits for."""
    joined: tuple[int, int] | None
    """For a chord's body: (m, n) members of the header that are done."""
    percent: float | None
    """Progress while running."""
    stage: str
    """What it is doing; may be empty."""
    sent_at: datetime | None
    """Aware UTC; None where it is yet to be published."""
    started_at: datetime | None
    """Aware UTC."""
    finished_at: datetime | None
    """Aware UTC."""
    error: str
    """One line of its failure, or what blocks it; empty otherwise."""
    capture_id: int | None
    """Capture that it works on."""
    is_critical: bool
    """Whether the run's duration hung on it, see :mod:`earthgazer_core.operations.critical_path`."""


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run and its steps."""

    row: RunSummary
    """Its line in the list."""
    steps: tuple[RunStep, ...]
    """In tree order: what a step waits for comes before it."""


@dataclass(frozen=True, slots=True)
class _Step:
    run_id: str
    task_id: str
    name: str
    after: tuple[str, ...]
    chord_size: int | None
    ordinal: int
    execution: TaskExecutionRow | None

    @property
    def state(self) -> str:
        return FUTURE if self.execution is None else self.execution.state

    @property
    def is_blocked(self) -> bool:
        return self.execution is not None and self.execution.blocked_by is not None


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
        steps = _steps(session, [run.run_id for run in runs])
        found += filter(matches, (_summary(run, steps[run.run_id]) for run in runs))
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
    steps = _steps(session, [run_id])[run_id]
    return RunDetail(_summary(run, steps), tuple(_tree(steps, is_cancelled=run.cancelled_at is not None)))


def _steps(session: Session, run_ids: Sequence[str]) -> Mapping[str, list[_Step]]:
    found: dict[str, list[_Step]] = defaultdict(list)
    foretold = session.execute(
        select(WorkflowStepRow, TaskExecutionRow)
        .outerjoin(TaskExecutionRow, TaskExecutionRow.task_id == WorkflowStepRow.task_id)
        .where(WorkflowStepRow.run_id.in_(run_ids))
        .order_by(WorkflowStepRow.run_id, WorkflowStepRow.ordinal)
    )
    for step, execution in foretold:
        found[step.run_id].append(
            _Step(
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
        .outerjoin(
            WorkflowStepRow,
            and_(
                WorkflowStepRow.task_id == TaskExecutionRow.task_id,
                WorkflowStepRow.run_id == TaskExecutionRow.run_id,
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
                _Step(execution.run_id, execution.task_id, execution.name, after, None, 1 << 62, execution)
            )
    return found


def _summary(run: WorkflowRunRow, steps: Sequence[_Step]) -> RunSummary:
    done = sum(step.state in _DONE for step in steps)
    failed = sum(step.state in _FAILED and not step.is_blocked for step in steps)
    # What would have taken the place of a replaced task will never come in a cancelled run.
    live = _RUNNING - {"REPLACED"} if run.cancelled_at is not None else _RUNNING
    running = sum(step.state in live for step in steps)
    waiting = sum(step.state == "PENDING" for step in steps)
    future = sum(step.state == FUTURE for step in steps)
    state = _state(run, done=done, failed=failed, running=running, waiting=waiting, future=future)
    executions = [step.execution for step in steps if step.execution is not None]
    ends = [execution.finished_at for execution in executions if execution.finished_at is not None]
    progress = sum((execution.percent or 0) / 100 for execution in executions if execution.state in _RUNNING)
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


def _tree(steps: Sequence[_Step], *, is_cancelled: bool) -> Iterable[RunStep]:
    """Yield steps so that each comes after what it waits for, and branches stay together."""
    by_id = {step.task_id: step for step in steps}
    before = {step.task_id: [task_id for task_id in step.after if task_id in by_id] for step in steps}
    following: dict[str, list[str]] = defaultdict(list)
    for step in steps:
        for task_id in before[step.task_id]:
            following[task_id].append(step.task_id)
    path = frozenset(critical_path(map(_timed, steps)))
    depths: dict[str, int] = {}
    pending = [step.task_id for step in reversed(steps) if not before[step.task_id]]
    while pending:
        task_id = pending.pop()
        # A body comes up once for each member of its header; the last of them brings it in.
        if task_id in depths or any(earlier not in depths for earlier in before[task_id]):
            continue
        depths[task_id] = _depth([depths[earlier] for earlier in before[task_id]], following, before[task_id])
        yield _shown(by_id[task_id], depths[task_id], by_id, path, is_cancelled=is_cancelled)
        pending += reversed(following[task_id])
    # Only a cycle keeps steps from their turn; no message of Celery's makes one, a broken record might.
    for step in steps:
        if step.task_id not in depths:
            yield _shown(step, 0, by_id, path, is_cancelled=is_cancelled)


def _depth(depths: Sequence[int], following: Mapping[str, Sequence[str]], before: Sequence[str]) -> int:
    if not before:
        return 0
    if len(before) == 1:
        return depths[0] + (len(following[before[0]]) > 1)
    return max(0, min(depths) - 1)


def _timed(step: _Step) -> Timed:
    execution = step.execution
    if execution is None or step.is_blocked:
        return Timed(step.task_id, step.after, None, None)
    return Timed(step.task_id, step.after, execution.started_at, execution.finished_at)


def _shown(
    step: _Step, depth: int, by_id: Mapping[str, _Step], path: Container[str], *, is_cancelled: bool
) -> RunStep:
    execution = step.execution
    header = [by_id[task_id] for task_id in step.after if task_id in by_id]
    joined = None
    if step.chord_size is not None or len(header) > 1:
        joined = (sum(member.state in _DONE for member in header), step.chord_size or len(header))
    return RunStep(
        task_id=step.task_id,
        name=step.name,
        # A body that was blocked never ran, whatever Celery's backend says of it.
        state=FUTURE if step.is_blocked else step.state,
        depth=depth,
        after=step.after,
        joined=joined,
        percent=execution.percent if execution is not None and execution.state in _RUNNING else None,
        stage=(execution.stage or "") if execution is not None and execution.state in _RUNNING else "",
        sent_at=execution.sent_at if execution is not None and not step.is_blocked else None,
        started_at=execution.started_at if execution is not None else None,
        finished_at=execution.finished_at if execution is not None and not step.is_blocked else None,
        error=_error(step, header, is_cancelled=is_cancelled),
        capture_id=execution.capture_id if execution is not None else None,
        is_critical=step.task_id in path,
    )


def _error(step: _Step, header: Sequence[_Step], *, is_cancelled: bool) -> str:
    execution = step.execution
    if step.is_blocked and execution is not None:
        return f"blocked by {execution.blocked_by}"
    if execution is None:
        failed = next((member for member in header if member.state in _FAILED), None)
        if failed is not None:
            return f"blocked by {failed.task_id}"
        return "cancelled" if is_cancelled else ""
    if execution.state == "REPLACED" and is_cancelled:
        return "cancelled"
    if execution.state not in _FAILED and execution.state != "RETRY":
        return ""
    message = (execution.error_message or "").strip().splitlines()
    kind = execution.error_type or execution.state
    return f"{kind}: {message[0]}" if message else kind
