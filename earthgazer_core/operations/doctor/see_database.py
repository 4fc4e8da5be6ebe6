"""The database as Doctor sees it: the server, the schema, and what the flight recorder knows."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from earthgazer_core.db import migrations
from earthgazer_core.db.session import Database
from earthgazer_core.db.standing import Standing, standing
from earthgazer_core.db.tables import (
    ScheduleEntryRow,
    TaskExecutionRow,
    TaskMessageRow,
    WorkflowRunRow,
    WorkflowStepRow,
)
from earthgazer_core.operations.doctor.observations import (
    Beat,
    Chord,
    DatabaseSeen,
    Idle,
    Late,
    LiveTask,
    Unknown,
)
from earthgazer_core.operations.schedule import LATE_AFTER_S

_STATEMENT_S = 5
_MOST = 1_000
_RUNS = 200
_BEAT_SPAN = timedelta(hours=2)
_HELD_STATES = ("RECEIVED", "STARTED", "PROGRESS")
_IDLE_STATES = ("PENDING", "RETRY")
_NO_CODE = "NotRegistered"
"""How the recorder calls the failure of a task that a worker had no code for."""
_OVER = ("SUCCESS", "IGNORED", "FAILURE", "REVOKED")


def see_database(database: Database) -> DatabaseSeen:
    """Return what the database says.

    Raises:
        ServiceUnavailableError: it is away.
        InvalidInputError: it refuses us.
    """
    start = time.monotonic()
    with database.session() as session:
        session.execute(select(1))
        elapsed_s = time.monotonic() - start
        asked = time.time()
        told = session.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one()
        skew_s = float(told) - (asked + time.time()) / 2
    revision, head = migrations.current(database.engine), migrations.head()
    if revision != head:
        # Tables of another version may have other columns.
        is_newer = standing(revision) is Standing.NEWER
        return DatabaseSeen(elapsed_s, revision, head, is_newer, skew_s)
    with database.session() as session:
        _limit(session)
        return DatabaseSeen(
            elapsed_s, revision, head, skew_s=skew_s,
            live=tuple(_live(session)),
            chords=tuple(_chords(session)),
            late=tuple(_late(session)),
            idle=tuple(_idle(session)),
            unknown=tuple(_unknown(session)),
        )  # fmt: skip


def see_beats(database: Database, names: Collection[str]) -> tuple[Beat, ...]:
    """Return who published these periodic tasks lately, again and again, and not from within a task."""
    execution, message = TaskExecutionRow, TaskMessageRow
    origin = message.headers["origin"].astext
    with database.session() as session:
        _limit(session)
        rows = session.execute(
            select(
                execution.name,
                origin,
                func.count(),
                func.extract("epoch", func.min(message.published_at)),
                func.extract("epoch", func.max(message.published_at)),
            )
            .join(message, message.task_id == execution.task_id)
            .where(
                execution.name.in_(names),
                execution.sent_at > datetime.now(UTC) - _BEAT_SPAN,
                execution.parent_id.is_(None),
                origin.is_not(None),
            )
            .group_by(execution.name, origin)
            .limit(_MOST)
        )
        return tuple(
            Beat(name, published_by, count, float(first), float(last))
            for name, published_by, count, first, last in rows
        )


def _limit(session: Session) -> None:
    session.execute(text(f"SET LOCAL statement_timeout = '{_STATEMENT_S}s'"))


def _live(session: Session) -> Iterator[LiveTask]:
    row = TaskExecutionRow
    for found in session.scalars(
        select(row).where(row.state.in_(_HELD_STATES), row.worker.is_not(None)).limit(_MOST)
    ):
        yield LiveTask(found.task_id, found.name, found.state, found.worker or "", found.updated_at)


def _idle(session: Session) -> Iterator[Idle]:
    row, message, run = TaskExecutionRow, TaskMessageRow, WorkflowRunRow
    query = (
        select(row, message.content_type)
        .outerjoin(message, message.task_id == row.task_id)
        .outerjoin(run, run.run_id == row.run_id)
        .where(
            row.state.in_(_IDLE_STATES),
            row.dismissed_at.is_(None),
            # The messages of a cancelled run are meant to be gone.
            run.cancelled_at.is_(None),
        )
        .order_by(row.updated_at)
        .limit(_MOST)
    )
    for found, content_type in session.execute(query):
        yield Idle(
            found.task_id, found.name, found.queue or found.routing_key, found.exchange or "",
            content_type or "", found.updated_at,
        )  # fmt: skip


def _unknown(session: Session) -> Iterator[Unknown]:
    row = TaskExecutionRow
    rows = session.execute(
        select(row.name, row.task_id, row.worker)
        .where(row.state == "FAILURE", row.error_type == _NO_CODE, row.dismissed_at.is_(None))
        .order_by(row.finished_at.desc())
        .limit(_MOST)
    ).all()
    for name in dict.fromkeys(found.name for found in rows):
        alike = [found for found in rows if found.name == name]
        workers = sorted({found.worker for found in alike if found.worker})
        yield Unknown(name, tuple(found.task_id for found in alike), tuple(workers))


def _chords(session: Session) -> Iterator[Chord]:
    step = WorkflowStepRow
    runs = (
        select(WorkflowRunRow.run_id)
        .where(WorkflowRunRow.cancelled_at.is_(None))
        .order_by(WorkflowRunRow.created_at.desc())
        .limit(_RUNS)
    )
    sent = select(TaskExecutionRow.task_id).where(TaskExecutionRow.task_id == step.task_id).exists()
    bodies = session.scalars(
        select(step).where(step.run_id.in_(runs), step.chord_size.is_not(None), ~sent).limit(_MOST)
    ).all()
    for body in bodies:
        members = session.execute(
            select(step.group_id, TaskExecutionRow.state, TaskExecutionRow.finished_at)
            .join(TaskExecutionRow, TaskExecutionRow.task_id == step.task_id, isouter=True)
            .where(step.run_id == body.run_id, step.task_id.in_(body.after))
        ).all()
        groups = [group for group, _, _ in members if group]
        if not groups:
            continue
        ends = [finished for _, state, finished in members if state in _OVER and finished is not None]
        is_over = len(ends) == len(members)
        yield Chord(
            body_id=body.task_id,
            body_name=body.name,
            run_id=body.run_id,
            group_id=groups[0],
            open_members=len(members) - len(ends),
            ended_at=max(ends) if is_over else None,
            has_keys=None,
        )


def _late(session: Session) -> Iterator[Late]:
    row = ScheduleEntryRow
    since = func.clock_timestamp() - timedelta(seconds=LATE_AFTER_S)
    is_late = (row.enabled, row.retired_at.is_(None), row.next_due_at < since)
    query = select(row.name, row.next_due_at).where(*is_late).order_by(row.next_due_at).limit(_MOST)
    for name, due_at in session.execute(query):
        yield Late(name, due_at)
