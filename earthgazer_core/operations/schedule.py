"""Periodic tasks: when they ran and will run, switched on and off, sped up, run now."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import Celery
from sqlalchemy import select
from sqlalchemy.orm import Session

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import ScheduleEntryRow, TaskExecutionRow
from earthgazer_core.operations import audit
from earthgazer_core.schedule import entries
from earthgazer_core.schedule.publishing import BrokerAwayError, publishing
from earthgazer_core.schedule.timing import Timing

LATE_AFTER_S = 15.0
"""A beat that runs sends what is due within a second or two."""


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """One entry of the schedule."""

    name: str
    """Its name."""
    task: str
    """Task name."""
    timing: str
    """``every 600 s`` or ``7 * * * * UTC``, as it is now."""
    code_timing: str
    """As the code says; differs where an operator changed it."""
    interval_s: float | None
    """Seconds between runs as it is now; None for a crontab."""
    is_changed: bool
    """Whether an operator gave it an interval of its own."""
    enabled: bool
    """Whether it is sent."""
    next_run_at: datetime | None
    """When it is due next, in the past while that run waits to be sent; None while switched off."""
    is_late: bool
    """Whether a run is due for long and not sent: no beat runs, or it can't reach the broker."""
    last_run_at: datetime | None
    """When it was sent last, by schedule or by an operator."""
    last_due_at: datetime | None
    """When the last run by schedule had been due; much earlier than sent means that it was made up for."""
    last_task_id: str | None
    """The task that was sent last."""
    last_state: str | None
    """What became of that: a state of a task; None where the recorder knows nothing of it."""
    last_finished_at: datetime | None
    """When that ended."""
    last_runtime_s: float | None
    """How long a success took."""
    last_error: str
    """One line of its failure, or why no message could be made of it; empty otherwise."""
    total_runs: int
    """Times that it was sent."""


@dataclass(frozen=True, slots=True)
class RunSent:
    """A periodic task that an operator sent."""

    name: str
    """Its name in the schedule."""
    task: str
    """Task name."""
    task_id: str
    """Celery's id."""


def list_schedule(session: Session) -> tuple[PeriodicTask, ...]:
    """Return the schedule by name; it is empty until a beat has run for the first time."""
    query = (
        select(ScheduleEntryRow, TaskExecutionRow)
        .outerjoin(TaskExecutionRow, TaskExecutionRow.task_id == ScheduleEntryRow.last_task_id)
        .where(ScheduleEntryRow.retired_at.is_(None))
        .order_by(ScheduleEntryRow.name)
    )
    at = entries.now(session)
    return tuple(_described(entry, execution, at) for entry, execution in session.execute(query))


def show_periodic_task(session: Session, name: str) -> PeriodicTask:
    """Return one entry.

    Raises:
        NotFoundError: there is none of that name; the message lists those there are.
    """
    row = entries.get(session, name)
    execution = session.get(TaskExecutionRow, row.last_task_id) if row.last_task_id else None
    return _described(row, execution, entries.now(session))


def run_now(database: Database, app: Celery, name: str, *, context: str | None = None) -> RunSent:
    """Send an entry's task at once, even of one that is switched off; its next run by schedule stays.

    Raises:
        NotFoundError: there is none of that name.
        ServiceUnavailableError: broker or database are away. If it is the database, the task may have been
            sent nevertheless.
    """
    with database.session() as session:
        row = entries.get(session, name)
    task_id = str(uuid.uuid4())
    target = {"entry": name, "task": row.task}
    try:
        with publishing(app) as publisher:
            publisher.send(row, task_id)
    except BrokerAwayError as error:
        audit.record(database, "schedule.run", target, "failed", {"error": str(error)}, context)
        raise
    with database.session() as session:
        entries.note_extra_run(session, name, task_id)
        audit.note(session, "schedule.run", target, "done", {"task_id": task_id}, context)
    return RunSent(name, row.task, task_id)


def set_enabled(database: Database, name: str, enabled: bool, *, context: str | None = None) -> PeriodicTask:
    """Switch an entry on or off and return it; one that is so already stays as it is.

    What was due while it was off is not made up for. Beats heed it within two seconds.

    Raises:
        NotFoundError: there is none of that name.
        ServiceUnavailableError: the database is away.
    """
    with database.session() as session:
        was = entries.get(session, name, to_change=True).enabled
        entries.set_enabled(session, name, enabled)
        action = "schedule.enable" if enabled else "schedule.disable"
        audit.note(session, action, {"entry": name}, "done", {"was_enabled": was}, context)
        return show_periodic_task(session, name)


def set_interval(
    database: Database, name: str, seconds: float | None, *, context: str | None = None
) -> PeriodicTask:
    """Give an entry an interval of its own, counted from its last run, and return it.

    It survives beat's restart and changes of the code. Beats heed it within two seconds.

    Args:
        database: Where the schedule is kept.
        name: Name of the entry.
        seconds: At least 1; None gives back what the code says.
        context: The fleet's name for the audit, where one works on several.

    Raises:
        InvalidInputError: it is no sensible interval.
        NotFoundError: there is none of that name.
        ServiceUnavailableError: the database is away.
    """
    timing = None if seconds is None else Timing.every(seconds)
    with database.session() as session:
        before = entries.timing_of(entries.get(session, name, to_change=True)).text
        after = entries.timing_of(entries.set_interval(session, name, timing)).text
        detail: dict[str, Any] = {"before": before, "after": after}
        audit.note(session, "schedule.interval", {"entry": name}, "done", detail, context)
        return show_periodic_task(session, name)


def _described(row: ScheduleEntryRow, execution: TaskExecutionRow | None, at: datetime) -> PeriodicTask:
    timing = entries.timing_of(row)
    return PeriodicTask(
        name=row.name,
        task=row.task,
        timing=timing.text,
        code_timing=entries.code_timing_of(row).text,
        interval_s=timing.interval_s,
        is_changed=row.own_interval_s is not None,
        enabled=row.enabled,
        next_run_at=row.next_due_at if row.enabled else None,
        is_late=row.enabled and at - row.next_due_at > timedelta(seconds=LATE_AFTER_S),
        last_run_at=row.last_sent_at,
        last_due_at=row.last_due_at,
        last_task_id=row.last_task_id,
        last_state=execution.state if execution is not None else None,
        last_finished_at=execution.finished_at if execution is not None else None,
        last_runtime_s=execution.runtime_s if execution is not None else None,
        last_error=_error_of(row, execution),
        total_runs=row.total_runs,
    )


def _error_of(row: ScheduleEntryRow, execution: TaskExecutionRow | None) -> str:
    if row.publish_error:
        return f"can't be sent: {_first_line(row.publish_error)}"
    if execution is None or not execution.error_type or execution.state not in ("FAILURE", "RETRY"):
        return ""
    return f"{execution.error_type}: {_first_line(execution.error_message or '')}".removesuffix(": ")


def _first_line(words: str) -> str:
    return next(iter(words.strip().splitlines()), "")
