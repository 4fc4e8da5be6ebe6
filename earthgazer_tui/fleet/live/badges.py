"""The few counts that the console asks of the database every second; each from an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import CaptureRow, LocationRow, ScheduleEntryRow, TaskExecutionRow
from earthgazer_core.operations.schedule import LATE_AFTER_S
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.observations import Progress

LIVE = ("PENDING", "RECEIVED", "STARTED", "RETRY", "PROGRESS")
"""States of the partial index of live executions."""
_SILENT = ("REPLACED", "IGNORED")


@dataclass(frozen=True, slots=True)
class Counts:
    """What the database counted."""

    captures: int
    """Captures in work."""
    workflows: int
    """Runs in work."""
    failed: int
    """Failures not dismissed."""
    late: int
    """Periodic tasks that are due and not sent."""
    oldest_waiting_at: datetime | None
    """When the oldest message that nobody received was sent."""
    progress: Mapping[str, Progress]
    """Of the tasks that run, by id."""
    silent: frozenset[str]
    """Those that ended in a way that no event tells of: they replaced or ignored themselves."""
    is_empty: bool
    """Whether no place is watched and no capture known."""


def count(session: Session, running: Sequence[str]) -> Counts:
    """Return the counts, and the progress of those running tasks."""
    table = TaskExecutionRow
    captures, workflows, oldest = session.execute(
        select(
            func.count(table.capture_id.distinct()),
            func.count(table.run_id.distinct()),
            func.min(table.sent_at).filter(table.state == "PENDING", table.eta.is_(None)),
        ).where(table.state.in_(LIVE))
    ).one()
    failed = session.scalar(
        select(func.count()).where(table.state == "FAILURE", table.dismissed_at.is_(None))
    )
    entry = ScheduleEntryRow
    since = func.clock_timestamp() - timedelta(seconds=LATE_AFTER_S)
    late = session.scalar(
        select(func.count()).where(entry.enabled, entry.retired_at.is_(None), entry.next_due_at < since)
    )
    is_empty = not session.scalar(select(exists(select(CaptureRow.id)) | exists(select(LocationRow.id))))
    rows = session.execute(
        select(table.task_id, table.name, table.state, table.percent, table.stage).where(
            table.task_id.in_(running)
        )
    ).all()
    progress = {
        row.task_id: Progress(sanitise.name(row.name), row.percent, sanitise.line(row.stage or "", 80))
        for row in rows
        if row.state in LIVE
    }
    silent = frozenset(row.task_id for row in rows if row.state in _SILENT)
    return Counts(captures, workflows, failed or 0, late or 0, oldest, progress, silent, is_empty)


def recorded_states(session: Session, task_ids: Sequence[str]) -> dict[str, tuple[str, datetime]]:
    """Return (state, since when) of those of these tasks that are on the record, by id."""
    table = TaskExecutionRow
    rows = session.execute(
        select(table.task_id, table.state, table.updated_at).where(table.task_id.in_(task_ids))
    )
    return {row.task_id: (row.state, row.updated_at) for row in rows}
