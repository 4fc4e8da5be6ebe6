"""Tasks as the flight recorder kept them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, defer

from earthgazer_core.db.tables import TaskExecutionRow, TaskMessageRow, TaskStateChangeRow
from earthgazer_core.errors import NotFoundError
from earthgazer_core.recorder.log_tail import LOG
from earthgazer_core.recorder.message import parse_json_body


@dataclass(frozen=True, slots=True)
class Execution:
    """One task in its newest state."""

    task_id: str
    """Celery's id."""
    name: str
    """Task name."""
    state: str
    """A name of :mod:`celery.states`, PROGRESS, IGNORED or REPLACED."""
    at: datetime
    """Time of the newest change, aware UTC."""
    queue: str | None
    """Queue, where known."""
    worker: str | None
    """Node name of the worker that had it last."""
    sent_at: datetime | None
    """When it was published, the newest time."""
    received_at: datetime | None
    """When a worker took it."""
    started_at: datetime | None
    """When it began, the newest time."""
    finished_at: datetime | None
    """When it ended."""
    runtime_s: float | None
    """Run time of a success."""
    retries: int
    """Automatic retries."""
    attempt: int
    """1, and one more for each retry by an operator."""
    starts: int
    """Times that a worker began it."""
    error_type: str | None
    """Exception class of its last failure."""
    error_message: str | None
    """Message of that exception."""
    capture_id: int | None
    """Capture that it works on."""
    run_id: str | None
    """Workflow run that it belongs to."""
    blocked_by: str | None
    """For a chord's body that never ran: the header that failed."""
    copy_of: str | None
    """The task that an operator copied it from."""
    percent: float | None
    """Progress while running."""
    stage: str | None
    """What it is doing."""
    args_repr: str
    """Positional arguments as the publisher showed them; may be cut."""
    kwargs_repr: str
    """Named arguments likewise."""
    is_redacted: bool
    """Whether arguments are hidden."""
    dismissed_at: datetime | None
    """When an operator took it from the list of failures."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """One change of a task's state."""

    state: str
    """The new state."""
    at: datetime
    """Aware UTC."""
    worker: str | None
    """Worker that told of it."""
    attempt: int
    """Attempt that it belongs to."""
    detail: dict[str, Any] | None
    """What came with it: error, traceback, log, run time."""

    @property
    def line(self) -> str:
        """The detail in one line."""
        detail = self.detail or {}
        if detail.get("error_type"):
            message = str(detail.get("error_message") or "").strip().splitlines()
            return f"{detail['error_type']}: {message[0]}" if message else str(detail["error_type"])
        long = ("traceback", LOG)
        return ", ".join(f"{name} {value}" for name, value in detail.items() if name not in long)

    @property
    def is_failed_try(self) -> bool:
        """Whether a try of the task ended here with an error."""
        return bool((self.detail or {}).get("error_type"))

    @property
    def traceback(self) -> str:
        """The traceback of that error; empty where there is none."""
        return str((self.detail or {}).get("traceback") or "")

    @property
    def log(self) -> str:
        """What the task logged before it; empty where nothing was."""
        return str((self.detail or {}).get(LOG) or "")


@dataclass(frozen=True, slots=True)
class ExecutionDetail:
    """Everything that was kept of one task."""

    execution: Execution
    """Its newest state."""
    args: str
    """Positional arguments as JSON or repr."""
    kwargs: str
    """Named arguments likewise."""
    args_source: str
    """Where those are from, and whether they are whole."""
    is_redacted: bool
    """Whether values are hidden."""
    result: Any
    """The result; None where there is none."""
    traceback: str | None
    """Traceback of its last failure."""
    log: str | None
    """What it logged last before that failure."""
    timeline: tuple[StateChange, ...]
    """In time order."""
    parent_id: str | None
    """The task that published it."""
    root_id: str | None
    """The first task of its chain."""
    group_id: str | None
    """Its group."""

    @property
    def earlier_tries(self) -> tuple[StateChange, ...]:
        """The tries that failed before the last failure; all that failed where it is over that."""
        failed = tuple(change for change in self.timeline if change.is_failed_try)
        return failed[:-1] if self.execution.error_type else failed


def list_executions(
    session: Session,
    *,
    states: Sequence[str] = (),
    since: datetime | None = None,
    name: str | None = None,
    run_id: str | None = None,
    capture_id: int | None = None,
    text: str = "",
    undismissed: bool = False,
    limit: int = 200,
) -> tuple[Execution, ...]:
    """Return executions that match every condition given, newest change first.

    Args:
        session: Database session.
        states: Any of these.
        since: Changed at this time or later.
        name: This task name.
        run_id: Of this run.
        capture_id: Working on this capture.
        text: Each of its words is somewhere in id, name, error, worker or queue.
        undismissed: Without those that an operator dismissed.
        limit: At most so many.
    """
    # The partial index on failures is sorted by their end.
    newest = (
        TaskExecutionRow.finished_at if set(states) == {"FAILURE"} else TaskExecutionRow.updated_at
    ).desc()
    # They are long, and no list shows them.
    long = defer(TaskExecutionRow.result), defer(TaskExecutionRow.traceback)
    query = select(TaskExecutionRow).options(*long).order_by(newest).limit(limit)
    if states:
        query = query.where(TaskExecutionRow.state.in_(states))
    if since is not None:
        query = query.where(TaskExecutionRow.updated_at >= since)
    if name is not None:
        query = query.where(TaskExecutionRow.name == name)
    if run_id is not None:
        query = query.where(TaskExecutionRow.run_id == run_id)
    if capture_id is not None:
        query = query.where(TaskExecutionRow.capture_id == capture_id)
    if undismissed:
        query = query.where(TaskExecutionRow.dismissed_at.is_(None))
    searched = (
        TaskExecutionRow.task_id,
        TaskExecutionRow.name,
        TaskExecutionRow.error_type,
        TaskExecutionRow.error_message,
        TaskExecutionRow.worker,
        TaskExecutionRow.queue,
    )
    for word in text.split():
        query = query.where(or_(*(func.strpos(func.lower(column), word.lower()) > 0 for column in searched)))
    return tuple(execution_of(row) for row in session.scalars(query))


def show_execution(session: Session, task_id: str) -> ExecutionDetail:
    """Return everything that was kept of one task.

    Raises:
        NotFoundError: nothing was.
    """
    row = session.get(TaskExecutionRow, task_id)
    if row is None:
        raise NotFoundError(f"no task {task_id} was recorded")
    message = session.get(TaskMessageRow, task_id)
    args, kwargs, source = _arguments(row, message)
    changes = session.scalars(
        select(TaskStateChangeRow)
        .where(TaskStateChangeRow.task_id == task_id)
        .order_by(TaskStateChangeRow.at, TaskStateChangeRow.id)
    )
    timeline = tuple(
        StateChange(change.state, change.at, change.worker, change.attempt, change.detail)
        for change in changes
    )
    logs = [change.log for change in timeline if change.is_failed_try]
    return ExecutionDetail(
        execution=execution_of(row),
        args=args,
        kwargs=kwargs,
        args_source=source,
        is_redacted=row.is_redacted,
        result=row.result,
        traceback=row.traceback,
        log=logs[-1] or None if logs and row.error_type else None,
        timeline=timeline,
        parent_id=row.parent_id,
        root_id=row.root_id,
        group_id=row.group_id,
    )


def execution_of(row: TaskExecutionRow) -> Execution:
    """Return a row as a value."""
    return Execution(
        task_id=row.task_id,
        name=row.name,
        state=row.state,
        at=row.updated_at,
        queue=row.queue,
        worker=row.worker,
        sent_at=row.sent_at,
        received_at=row.received_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        runtime_s=row.runtime_s,
        retries=row.retries,
        attempt=row.attempt,
        starts=row.starts,
        error_type=row.error_type,
        error_message=row.error_message,
        capture_id=row.capture_id,
        run_id=row.run_id,
        blocked_by=row.blocked_by,
        copy_of=row.copy_of,
        percent=row.percent,
        stage=row.stage,
        args_repr=row.args_repr or "",
        kwargs_repr=row.kwargs_repr or "",
        is_redacted=row.is_redacted,
        dismissed_at=row.dismissed_at,
    )


def _arguments(row: TaskExecutionRow, message: TaskMessageRow | None) -> tuple[str, str, str]:
    """Return (args, kwargs, source); a sealed message is for replay alone."""
    shown = (row.args_repr or "", row.kwargs_repr or "")
    if row.is_redacted:
        return *shown, "recorded text (values hidden)"
    if message is None or message.is_sealed:
        return *shown, "recorded text (may be cut)"
    body = parse_json_body(message.content_type, message.content_encoding, message.body)
    if body is None:
        return *shown, f"recorded text (may be cut; the message is {message.content_type})"
    args, kwargs = (json.dumps(part, ensure_ascii=False, default=str) for part in body[:2])
    return args, kwargs, "recorded message"
