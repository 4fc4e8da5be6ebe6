"""Failures by kind: from the recorder where there is one, else from what events told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.operations import failures as core
from earthgazer_core.operations.executions import execution_of
from earthgazer_core.operations.fingerprint import Fingerprint, fingerprint
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.clock import moment
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.filter_line import read_filter, told_matcher
from earthgazer_tui.fleet.live.observations import Observations
from earthgazer_tui.fleet.live.records import TaskRecord
from earthgazer_tui.fleet.live.snapshot import split_error, task_row
from earthgazer_tui.fleet.live.tasks import execution_row
from earthgazer_tui.fleet.models import FailureGroup, FailureGroups, TaskRow


def list_groups(session: Session, text: str = "", limit: int = 200) -> FailureGroups:
    """Return recorded failures that nobody dismissed, by kind.

    Raises:
        FilterError: the line can't be read.
    """
    found = core.list_failure_groups(session, read_filter(text), limit)
    return FailureGroups(
        tuple(_group(one) for one in found.groups), found.is_cut or len(found.groups) == limit
    )


def groups_by_events(state: EventsState, text: str = "", limit: int = 200) -> FailureGroups:
    """Return the failures that events told of since we look, by kind."""
    matches = told_matcher(read_filter(text))
    with state.lock:
        tasks = [*state.tasks.values(), *state.failures.values()]
        failed = [task for task in tasks if task.state == "FAILURE" and matches(task)]
        gathered: dict[Fingerprint, list[TaskRecord]] = {}
        for task in sorted(failed, key=lambda task: task.at, reverse=True):
            kind, message = split_error(task.error)
            gathered.setdefault(fingerprint(task.name, kind, message, task.traceback), []).append(task)
        groups = [_told_group(mark, members) for mark, members in gathered.items()]
    return FailureGroups(tuple(groups[:limit]), len(groups) > limit)


def tasks_of(session: Session, task_ids: Sequence[str]) -> tuple[TaskRow, ...]:
    """Return those of these tasks that were recorded, in this order."""
    rows = session.scalars(
        select(TaskExecutionRow)
        .options(defer(TaskExecutionRow.result), defer(TaskExecutionRow.traceback))
        .where(TaskExecutionRow.task_id.in_(task_ids))
    )
    found = {row.task_id: execution_row(execution_of(row)) for row in rows}
    return tuple(found[task_id] for task_id in task_ids if task_id in found)


def tasks_of_by_events(
    state: EventsState, seen: Observations, task_ids: Sequence[str]
) -> tuple[TaskRow, ...]:
    """Return those of these tasks that events told of, in this order."""
    with state.lock:
        known = [state.find(task_id) for task_id in task_ids]
        return tuple(task_row(task, seen) for task in known if task is not None)


def traceback_of(session: Session, task_id: str) -> str:
    """Return the recorded traceback of a task; empty where there is none."""
    found = session.scalar(select(TaskExecutionRow.traceback).where(TaskExecutionRow.task_id == task_id))
    return sanitise.text(found or "")


def traceback_by_events(state: EventsState, task_id: str) -> str:
    """Return the traceback that events told of; empty where they told none."""
    with state.lock:
        task = state.find(task_id)
        return "" if task is None else task.traceback


def _group(group: core.FailureGroup) -> FailureGroup:
    sample = group.sample.strip().splitlines()
    return FailureGroup(
        key=group.key,
        name=sanitise.name(group.name),
        error_type=sanitise.line(group.error_type),
        message=sanitise.url(group.message),
        sample=sanitise.url(sample[0]) if sample else "",
        frame=sanitise.line(group.frame),
        count=group.count,
        first_at=group.first_seen,
        last_at=group.last_seen,
        task_ids=tuple(sanitise.name(task_id) for task_id in group.task_ids),
        is_dead=group.is_dead,
    )


def _told_group(mark: Fingerprint, members: Sequence[TaskRecord]) -> FailureGroup:
    """Return a group of what events told, whose texts are harmless already."""
    times: list[datetime | None] = [moment(task.at) for task in (members[-1], members[0])]
    return FailureGroup(
        key=mark.key,
        name=mark.name,
        error_type=mark.error_type,
        message=mark.message,
        sample=split_error(members[0].error)[1] or "",
        frame=mark.frame,
        count=len(members),
        first_at=times[0],
        last_at=times[1],
        task_ids=tuple(task.task_id for task in members),
        is_dead=False,
    )
