"""What the flight recorder knows of a chord: who belongs to its header, and what they gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import ChordPartRow, ChordRow, TaskExecutionRow, WorkflowStepRow
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.refreeze import ids_within
from earthgazer_core.recorder.graph import first_steps
from earthgazer_core.recorder.message import Seal
from earthgazer_core.recorder.order import BLOCKED_ORDER, REPLACED

_PUBLISHING_WITHIN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Member:
    """A task that has a place in a chord's header."""

    task_id: str
    """Its id."""
    group_index: int | None
    """Its place; members that were added later share that of the task that added them."""
    state: str | None
    """Its recorded state; None where it was not published yet."""
    is_added: bool
    """Whether another member added it while it ran."""


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a member that succeeded, as Celery keeps it."""

    task_id: str
    """The member."""
    place: str
    """Its index in the header, in Celery's spelling."""
    raw: bytes
    """Celery's own bytes; empty where they were not kept."""


@dataclass(frozen=True, slots=True)
class ChordRecord:
    """One chord by the record."""

    group_id: str
    """Celery's id of the header."""
    size: int | None
    """Parts that workers saw it wait for, members added later not counted; None where none saw it."""
    layout: bytes | None
    """Celery's record of the shape of a header with groups inside."""
    is_ordered: bool | None
    """Whether workers keep its parts in order; None where none told."""
    members: tuple[Member, ...]
    """All that are known."""
    parts: tuple[Part, ...]
    """Of the members that succeeded."""
    is_fresh: bool
    """Whether a member was sent so lately that others may still follow."""
    is_body_sent: bool
    """Whether a task of its body was published."""

    @property
    def is_flat(self) -> bool:
        """Whether the members' places say that each gives one part, in their order."""
        places = [member.group_index for member in self.members if not member.is_added]
        return None not in places and sorted(places) == list(range(len(places)))  # type: ignore[type-var]

    @property
    def total(self) -> int | None:
        """How many parts the body waits for; None where that is not known."""
        added = sum(member.is_added for member in self.members)
        if self.size is not None:
            return self.size + added
        return len(self.members) if self.members and self.is_flat and not self.is_fresh else None

    def unfinished(self) -> tuple[Member, ...]:
        """Return the members that have not succeeded."""
        return tuple(member for member in self.members if member.state != "SUCCESS")


def chord_record(session: Session, seal: Seal, group_id: str, body: Mapping[str, Any]) -> ChordRecord:
    """Return what is known of a chord."""
    chord = session.get(ChordRow, group_id)
    members, newest = _members(session, group_id, ids_within(body))
    sent = session.scalar(
        select(TaskExecutionRow.task_id)
        .where(
            TaskExecutionRow.task_id.in_([task_id for task_id, _ in first_steps(body)]),
            TaskExecutionRow.state_order > BLOCKED_ORDER,
            # The body of a chord that a task put in its place has that task's id.
            TaskExecutionRow.state != REPLACED,
        )
        .limit(1)
    )
    return ChordRecord(
        group_id=group_id,
        size=chord.size if chord else None,
        layout=chord.layout if chord else None,
        is_ordered=chord.is_ordered if chord else None,
        members=members,
        parts=_parts(session, seal, group_id),
        is_fresh=newest is not None and newest > datetime.now(UTC) - _PUBLISHING_WITHIN,
        is_body_sent=sent is not None,
    )


def _members(
    session: Session, group_id: str, of_body: frozenset[str]
) -> tuple[tuple[Member, ...], datetime | None]:
    step, execution = WorkflowStepRow, TaskExecutionRow
    rows = session.execute(
        select(step.task_id, step.group_index, execution.state, execution.parent_id, execution.sent_at)
        .outerjoin(execution, execution.task_id == step.task_id)
        .where(
            step.group_id == group_id,
            step.group_index.is_not(None),
            # Celery gives the tasks of a body that is a group the id of the header's group.
            step.task_id.not_in(of_body),
        )
        .order_by(step.group_index, step.ordinal)
    ).all()
    ids = {row.task_id for row in rows}
    members = tuple(Member(row.task_id, row.group_index, row.state, row.parent_id in ids) for row in rows)
    return members, max((row.sent_at for row in rows if row.sent_at is not None), default=None)


def _parts(session: Session, seal: Seal, group_id: str) -> tuple[Part, ...]:
    rows = session.scalars(select(ChordPartRow).where(ChordPartRow.group_id == group_id))
    return tuple(Part(row.task_id, row.place, _opened(row, seal)) for row in rows)


def _opened(row: ChordPartRow, seal: Seal) -> bytes:
    if not row.is_sealed:
        return row.part
    try:
        return seal.open(row.part)
    except RefusedError:
        # Without the key it is as good as not kept, and only matters where it is needed.
        return b""
