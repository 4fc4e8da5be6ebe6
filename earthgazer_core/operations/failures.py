"""Failures of the same kind put together, counted when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.operations.dead_letters import DEAD_LETTER
from earthgazer_core.operations.filter import Filter, where
from earthgazer_core.operations.fingerprint import Fingerprint, fingerprint

SCANNED = 5_000
"""The newest failures that are looked at."""
_TRACEBACK_END = 3_000
_FRAME_BEGINS = '  File "'


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of one kind."""

    key: str
    """Names the group; the same at any time, on any machine."""
    name: str
    """Task name."""
    error_type: str
    """Exception class; empty where it isn't known."""
    message: str
    """Message with what differs replaced."""
    frame: str
    """``file:function`` in the task's own code; may be empty."""
    count: int
    """Failures that are still failures."""
    first_seen: datetime | None
    """When the oldest of them ended, aware UTC."""
    last_seen: datetime | None
    """When the newest of them ended."""
    newest_task_id: str
    """The newest of them."""
    sample: str
    """Its message as it was."""
    task_ids: tuple[str, ...]
    """All of them, the newest first."""
    is_dead: bool
    """Whether they are dead letters: they killed their processes."""


@dataclass(frozen=True, slots=True)
class FailureGroups:
    """What was found."""

    groups: tuple[FailureGroup, ...]
    """The one that failed last comes first."""
    failures: int
    """Failures looked at."""
    is_cut: bool
    """Whether there are older ones that weren't looked at."""


@dataclass(slots=True)
class _Gathered:
    mark: Fingerprint
    members: list[tuple[datetime | None, str]] = field(default_factory=list)
    sample: tuple[datetime | None, str] = (None, "")


def list_failure_groups(
    session: Session,
    filter_: Filter | None = None,
    limit: int = 200,
    *,
    now: datetime | None = None,
    scanned: int = SCANNED,
) -> FailureGroups:
    """Return the newest failures by kind: those that no operator dismissed, bodies that never ran left out.

    Args:
        session: Database session.
        filter_: What is wanted; all if None.
        limit: At most so many groups.
        now: The moment that spans count back from; the moment of this call if None.
        scanned: At most so many failures, the newest.
    """
    row = TaskExecutionRow
    newest = session.execute(
        select(
            row.name, row.error_type, row.error_message, func.right(row.traceback, _TRACEBACK_END),
            row.finished_at, row.task_id,
        )
        .where(*open_failures(), *(where(filter_, now) if filter_ else ()))
        # As the partial index on failures has it.
        .order_by(row.finished_at.desc())
        .limit(scanned + 1)
    )  # fmt: skip
    gathered = _gathered(newest)
    failures = sum(len(group.members) for group in gathered)
    groups = sorted((_group(one) for one in gathered), key=_recency, reverse=True)
    return FailureGroups(tuple(groups[:limit]), min(failures, scanned), failures > scanned)


def open_failures() -> tuple[ColumnElement[bool], ...]:
    """Return conditions for failures that wait for an operator."""
    return (
        TaskExecutionRow.state == "FAILURE",
        TaskExecutionRow.blocked_by.is_(None),
        TaskExecutionRow.dismissed_at.is_(None),
    )


def _gathered(failures: Iterable[Any]) -> list[_Gathered]:
    found: dict[Fingerprint, _Gathered] = {}
    for name, error_type, message, traceback, at, task_id in failures:
        mark = fingerprint(name, error_type, message, _frames(traceback or ""))
        group = found.setdefault(mark, _Gathered(mark))
        group.members.append((at, task_id))
        if _moment(at) >= _moment(group.sample[0]):
            group.sample = (at, message or "")
    return list(found.values())


def _frames(traceback: str) -> str:
    """Return a traceback up to its last frame: without the exception's words most are the same."""
    last = traceback.rfind(_FRAME_BEGINS)
    end = traceback.find("\n", last)
    return "" if last < 0 else traceback[:end] if end >= 0 else traceback


def _group(gathered: _Gathered) -> FailureGroup:
    members = sorted(gathered.members, key=lambda member: (_moment(member[0]), member[1]), reverse=True)
    times = [at for at, _ in members if at is not None]
    mark = gathered.mark
    return FailureGroup(
        key=mark.key,
        name=mark.name,
        error_type=mark.error_type,
        message=mark.message,
        frame=mark.frame,
        count=len(members),
        first_seen=times[-1] if times else None,
        last_seen=times[0] if times else None,
        newest_task_id=members[0][1],
        sample=gathered.sample[1],
        task_ids=tuple(task_id for _, task_id in members),
        is_dead=mark.error_type == DEAD_LETTER,
    )


def _recency(group: FailureGroup) -> tuple[float, int]:
    return _moment(group.last_seen), group.count


def _moment(at: datetime | None) -> float:
    return at.timestamp() if at is not None else 0.0
