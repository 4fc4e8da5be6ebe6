"""Tasks: from the recorder where there is one, else from what their events told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy.orm import Session

from earthgazer_core.errors import NotFoundError as CoreNotFoundError
from earthgazer_core.operations.executions import Execution, ExecutionDetail, show_execution
from earthgazer_core.operations.executions import StateChange as RecordedChange
from earthgazer_core.operations.search import search_executions
from earthgazer_tui.fleet.errors import NotFoundError
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.clock import moment
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.filter_line import read_filter, told_matcher
from earthgazer_tui.fleet.live.observations import Observations
from earthgazer_tui.fleet.live.records import KEPT_LONGER, TaskRecord
from earthgazer_tui.fleet.live.snapshot import task_row
from earthgazer_tui.fleet.models import (
    FailedTry,
    RetryMode,
    RetryOffer,
    StateChange,
    TaskDetail,
    TaskLink,
    TaskRow,
)

FAILED_STATES = ("FAILURE", "REVOKED", "REJECTED")
"""States of the list of failures."""


def list_failed(session: Session, text: str = "", limit: int = 500) -> tuple[TaskRow, ...]:
    """Return recorded failures that were not dismissed, newest first."""
    found = search_executions(session, read_filter(text), states=FAILED_STATES, undismissed=True, limit=limit)
    return tuple(execution_row(execution) for execution in found)


def failed_by_events(
    state: EventsState, seen: Observations, text: str = "", limit: int = 500
) -> tuple[TaskRow, ...]:
    """Return the failures that events told of since we look, newest first."""
    matches = told_matcher(read_filter(text))
    with state.lock:
        tasks = [task for task in state.tasks.values() if task.state in KEPT_LONGER]
        tasks += state.failures.values()
        rows = [task_row(task, seen) for task in tasks if matches(task)]
    return tuple(sorted(rows, key=lambda row: row.at, reverse=True)[:limit])


def task_by_events(
    state: EventsState, seen: Observations, task_id: str, mask: Callable[[str], str] = str
) -> TaskDetail:
    """Return what events told of a task; ``mask`` hides secrets in its arguments.

    Raises:
        NotFoundError: they told nothing.
    """
    with state.lock:
        task = state.find(task_id)
        if task is None:
            raise NotFoundError(f"task {task_id} is not known: it ran before the console was started")
        return TaskDetail(
            row=task_row(task, seen),
            args=mask(task.args),
            kwargs=mask(task.kwargs),
            args_source="event (may be cut)",
            is_redacted=mask(task.kwargs) != task.kwargs,
            result=task.result,
            traceback=task.traceback,
            timeline=tuple(timeline_of(task)),
            parent_id=task.parent_id,
            root_id=task.root_id,
            group_id=None,
            retry=RetryOffer(
                RetryMode.REFUSED,
                "its message was not recorded, and arguments told by events may be cut:"
                " install earthgazer_core.recorder in the app",
            ),
        )


def show_task(session: Session, task_id: str) -> ExecutionDetail | None:
    """Return what was recorded of a task, None if nothing was."""
    try:
        return show_execution(session, task_id)
    except CoreNotFoundError:
        return None


def task_detail(detail: ExecutionDetail, offer: RetryOffer, links: tuple[TaskLink, ...] = ()) -> TaskDetail:
    """Return a recorded task as shown."""
    return TaskDetail(
        row=execution_row(detail.execution),
        args=sanitise.text(detail.args),
        kwargs=sanitise.text(detail.kwargs),
        args_source=sanitise.line(detail.args_source),
        is_redacted=detail.is_redacted,
        result=_json(detail.result),
        traceback=sanitise.text(detail.traceback or ""),
        timeline=tuple(map(_change, detail.timeline)),
        parent_id=sanitise.optional(detail.parent_id),
        root_id=sanitise.optional(detail.root_id),
        group_id=sanitise.optional(detail.group_id),
        retry=offer,
        links=links,
        log=_log(detail.log or ""),
        earlier=tuple(
            FailedTry(_change(change), sanitise.text(change.traceback), _log(change.log))
            for change in detail.earlier_tries
            if change.traceback or change.log
        ),
    )


def _change(change: RecordedChange) -> StateChange:
    return StateChange(
        state=sanitise.name(change.state),
        at=change.at,
        worker=sanitise.optional(change.worker),
        attempt=change.attempt,
        detail=sanitise.url(change.line),
    )


def _log(text: str) -> str:
    return sanitise.text(sanitise.without_credentials(text))


def execution_row(execution: Execution) -> TaskRow:
    """Return a recorded execution as a line of a list."""
    message = (execution.error_message or "").strip().splitlines()
    return TaskRow(
        task_id=sanitise.name(execution.task_id),
        name=sanitise.name(execution.name),
        state=sanitise.name(execution.state),
        queue=sanitise.optional(execution.queue),
        worker=sanitise.optional(execution.worker),
        at=execution.at,
        runtime_s=execution.runtime_s,
        retries=execution.retries,
        attempt=execution.attempt,
        error_type=sanitise.optional(execution.error_type),
        error_message=sanitise.url(message[0]) if message else None,
        capture_id=execution.capture_id,
        run_id=sanitise.optional(execution.run_id),
        blocked_by=sanitise.optional(execution.blocked_by),
        is_dismissed=execution.dismissed_at is not None,
    )


def _json(value: Any) -> str:
    return (
        "" if value is None else sanitise.text(json.dumps(value, ensure_ascii=False, indent=1, default=repr))
    )


def timeline_of(task: TaskRecord) -> Iterator[StateChange]:
    """Yield what events told of a task's states, in time order; the caller holds the store's lock."""
    times = (("PENDING", task.sent_at), ("RECEIVED", task.received_at), ("STARTED", task.started_at))
    for state, at in times:
        if (known := moment(at)) is not None:
            yield StateChange(state, known, task.worker if state != "PENDING" else None, 1, "")
    if (ended := moment(task.finished_at)) is not None:
        yield StateChange(task.state, ended, task.worker, 1, task.error or "")
