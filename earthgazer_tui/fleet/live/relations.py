"""Tasks before, after and beside a recorded one; each look is bounded, whatever the size of the record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import TaskExecutionRow, WorkflowStepRow
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.models import TaskLink

_MOST = 12
"""Links of one kind that are shown."""
_SLACK = timedelta(minutes=1)
"""Clocks differ by this at most, and a message is sent by then."""


def links_of(session: Session, task_id: str) -> tuple[TaskLink, ...]:
    """Return the tasks that have to do with one."""
    row = session.get(TaskExecutionRow, task_id)
    if row is None:
        return ()
    links = [
        *_named(session, "copy of", (row.copy_of,)),
        *_named(session, "copied as", _copies(session, row)),
        *_named(session, "blocked by", (row.blocked_by,)),
        *_named(session, "parent", (row.parent_id,)),
        *_named(session, "root", (row.root_id if row.root_id not in (task_id, row.parent_id) else None,)),
        *_steps(session, row),
        *_named(session, "child", _children(session, row)),
        *_siblings(session, row),
    ]
    # The first word about each says the most.
    first = {link.task_id: link for link in reversed(links)}
    return tuple(link for link in links if first[link.task_id] is link and link.task_id != task_id)


def _steps(session: Session, row: TaskExecutionRow) -> Iterator[TaskLink]:
    """Yield what comes right before and right after it in its run, published or not."""
    if row.run_id is None:
        return
    step = WorkflowStepRow
    own = session.get(step, (row.run_id, row.task_id))
    if own is not None:
        yield from _named(session, "after", own.after[:_MOST])
    later = session.scalars(
        select(step)
        .where(step.run_id == row.run_id, step.after.contains([row.task_id]))
        .order_by(step.ordinal)
        .limit(_MOST)
    ).all()
    known = _rows(session, [one.task_id for one in later])
    for one in later:
        found = known.get(one.task_id)
        is_body = one.chord_size is not None
        yield TaskLink(
            "body" if is_body else "next",
            sanitise.name(one.task_id),
            sanitise.name(one.name),
            "FUTURE" if found is None else sanitise.name(found.state),
            f"chord of {one.chord_size}" if is_body else "",
        )


def _copies(session: Session, row: TaskExecutionRow) -> Iterable[str | None]:
    other = TaskExecutionRow
    where = _near(row, row.finished_at or row.updated_at, None)
    return session.scalars(select(other.task_id).where(other.copy_of == row.task_id, *where).limit(_MOST))


def _children(session: Session, row: TaskExecutionRow) -> Iterable[str | None]:
    other = TaskExecutionRow
    where = _near(row, row.started_at or row.sent_at, row.finished_at)
    return session.scalars(
        select(other.task_id)
        .where(other.parent_id == row.task_id, *where)
        .order_by(other.sent_at)
        .limit(_MOST)
    )


def _near(
    row: TaskExecutionRow, first: datetime | None, last: datetime | None
) -> tuple[ColumnElement[bool], ...]:
    """Return conditions that an index serves: of the same run, else sent in the time that can be."""
    other = TaskExecutionRow
    if row.run_id is not None:
        return (other.run_id == row.run_id,)
    since = (first or row.updated_at) - _SLACK
    until = (last or datetime.now(UTC)) + _SLACK
    return (other.sent_at >= since, other.sent_at <= until)


def _siblings(session: Session, row: TaskExecutionRow) -> Iterator[TaskLink]:
    if row.group_id is None:
        return
    other = TaskExecutionRow
    yield from (
        _link("group", one)
        for one in session.scalars(
            select(other)
            .where(other.group_id == row.group_id, other.task_id != row.task_id)
            .order_by(other.group_index)
            .limit(_MOST)
        )
    )


def _named(session: Session, kind: str, task_ids: Iterable[str | None]) -> Iterator[TaskLink]:
    ids = [task_id for task_id in task_ids if task_id]
    known = _rows(session, ids) if ids else {}
    for task_id in ids:
        found = known.get(task_id)
        yield TaskLink(kind, sanitise.name(task_id), "", "") if found is None else _link(kind, found)


def _rows(session: Session, task_ids: Iterable[str]) -> dict[str, TaskExecutionRow]:
    found = session.scalars(select(TaskExecutionRow).where(TaskExecutionRow.task_id.in_(list(task_ids))))
    return {row.task_id: row for row in found}


def _link(kind: str, row: TaskExecutionRow) -> TaskLink:
    notes = [f"attempt {row.attempt}" if row.attempt > 1 else "", row.error_type or ""]
    return TaskLink(
        kind,
        sanitise.name(row.task_id),
        sanitise.name(row.name),
        sanitise.name(row.state),
        sanitise.line(", ".join(note for note in notes if note)),
    )
