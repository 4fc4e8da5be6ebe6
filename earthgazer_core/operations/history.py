"""What ran over a span of time: counts, failures, run and wait times, throughput."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Double, Select, Subquery, case, func, literal, select, text
from sqlalchemy.orm import Session

from earthgazer_core.db.session import now
from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.operations.exact_times import count_exactly
from earthgazer_core.operations.percentiles import NOTHING, Counted, Percentiles
from earthgazer_core.operations.rounded_times import count_rounded, expected_rows

STATEMENT_TIMEOUT_S = 15.0
"""A statement that takes longer is ended by the server."""
_SORTED_MB = 256
"""What percentiles of a long span may sort in memory; on disk it takes twice as long."""
MOST_SLOTS = 100
_SLOTS_S = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 7 * 86_400, 28 * 86_400)
EXACT_UP_TO = 200_000
"""Of more executions the times are rounded: sorting them exactly takes the longer the more there are."""
_CLOCKS_APART = timedelta(minutes=10)


class GroupBy(StrEnum):
    """What executions are counted by."""

    TASK = "task"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Ended:
    """Executions that ended within one slot."""

    at: datetime
    """Begin of the slot, aware UTC."""
    count: int
    """All of them."""
    failed: int
    """Those that failed."""
    run: Percentiles
    """Time from start to end; nothing where it was not asked for."""
    wait: Percentiles
    """Time from publishing, or its earliest time, to its start; likewise."""

    @property
    def failed_percent(self) -> float | None:
        """Share of those that failed; None where none ended."""
        return 100 * self.failed / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class Group:
    """The executions of one task, or of one queue, that ended in the span."""

    name: str | None
    """Task or queue name; None for all together, and for a queue that isn't known."""
    is_total: bool
    """Whether it is all together."""
    count: int
    """How many ended."""
    failed: int
    """How many of them failed; bodies of chords that never ran are not counted."""
    revoked: int
    """How many of them were revoked or rejected."""
    run: Percentiles
    """Time from start to end."""
    wait: Percentiles
    """Time from publishing, or its earliest time, to its start."""
    ended: tuple[Ended, ...]
    """Throughput, slot by slot, empty ones included."""

    @property
    def failed_percent(self) -> float | None:
        """Share of those that failed; None where none ended."""
        return 100 * self.failed / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class History:
    """What ended within a span of time."""

    since: datetime
    """Begin of the first slot, aware UTC."""
    until: datetime
    """End of the span."""
    slot_s: float
    """Length of a slot."""
    is_rounded: bool
    """Whether run and wait times are right to a hundredth only, because there were so many."""
    total: Group
    """All together."""
    groups: tuple[Group, ...]
    """By task or queue, the most frequent first."""


def read_history(
    session: Session,
    since: datetime,
    until: datetime | None = None,
    *,
    by: GroupBy = GroupBy.TASK,
    with_slot_times: bool = False,
) -> History:
    """Return what ended between two moments.

    Args:
        session: Database session; a limit is set to the time of its statements, and what takes longer
            makes it raise what :class:`~earthgazer_core.db.session.Database` makes a ``RefusedError``.
        since: Begin; rounded down to a whole slot.
        until: End; the moment of this call by the database's clock if None.
        by: What to count by.
        with_slot_times: Whether run and wait times are wanted for each slot too; that takes as long again.

    Raises:
        InvalidInputError: the span is empty.
    """
    end = until or now(session)
    if since >= end:
        raise InvalidInputError("a span of time has to begin before it ends")
    slot_s = next((s for s in _SLOTS_S if (end - since).total_seconds() / s <= MOST_SLOTS), _SLOTS_S[-1])
    begin = datetime.fromtimestamp(since.timestamp() // slot_s * slot_s, UTC)
    session.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_S * 1000:.0f}"))
    session.execute(text(f"SET LOCAL work_mem = '{_SORTED_MB}MB'"))
    executions = _executions(begin, end, by, slot_s)
    is_rounded = expected_rows(session, _changed(begin, end)) > EXACT_UP_TO
    count = count_rounded if is_rounded else count_exactly
    counted: dict[tuple[bool, str | None], dict[int | None, Counted]] = {}
    for one in count(session, executions, with_slot_times=with_slot_times):
        counted.setdefault((one.is_total, one.name), {})[one.slot] = one
    n = int((end - begin).total_seconds() // slot_s) + 1
    starts = [begin + timedelta(seconds=slot_s * k) for k in range(n)]
    total = _group(None, is_total=True, known=counted.pop((True, None)), starts=starts)
    groups = [
        _group(name, is_total=False, known=known, starts=starts) for (_, name), known in counted.items()
    ]
    groups.sort(key=lambda group: (-group.count, group.name or ""))
    return History(begin, end, float(slot_s), is_rounded, total, tuple(groups))


_COLUMNS = {GroupBy.TASK: TaskExecutionRow.name, GroupBy.QUEUE: TaskExecutionRow.queue}


def _ended(begin: datetime, end: datetime) -> tuple[ColumnElement[bool], ...]:
    row = TaskExecutionRow
    return (
        # The index is on the newest change, which is the end or later: by the clocks of several hosts.
        row.updated_at >= begin - _CLOCKS_APART,
        row.finished_at >= begin,
        row.finished_at < end,
        row.blocked_by.is_(None),
    )


def _changed(begin: datetime, end: datetime) -> Select[str]:
    """Return about what ended in a span, by one column alone: the server takes several for independent."""
    row = TaskExecutionRow
    return select(row.task_id).where(row.updated_at >= begin, row.updated_at < end)


def _executions(begin: datetime, end: datetime, by: GroupBy, slot_s: float) -> Subquery:
    row = TaskExecutionRow
    ran = func.greatest(_seconds(row.finished_at - row.started_at), 0.0)
    waited = func.greatest(_seconds(row.started_at - func.greatest(row.sent_at, row.eta)), 0.0)
    since_begin = _seconds(row.finished_at.expression) - literal(begin.timestamp(), Double)
    # GREATEST leaves NULLs out, so that what was never started would have waited for nothing.
    has_waited = row.started_at.is_not(None) & row.sent_at.is_not(None)
    return (
        select(
            _COLUMNS[by].label("name"),
            func.floor(since_begin / literal(slot_s, Double)).label("slot"),
            row.state.label("state"),
            func.coalesce(row.runtime_s, case((row.started_at.is_not(None), ran))).label("ran"),
            case((has_waited, waited)).label("waited"),
        )
        .where(*_ended(begin, end))
        .subquery()
    )


def _seconds(interval: ColumnElement[Any]) -> ColumnElement[float]:
    # EXTRACT would calculate in NUMERIC, which takes several times as long.
    return func.date_part("epoch", interval, type_=Double)


def _group(
    name: str | None, *, is_total: bool, known: Mapping[int | None, Counted], starts: Sequence[datetime]
) -> Group:
    whole = known[None]
    return Group(
        name=name,
        is_total=is_total,
        count=whole.ended,
        failed=whole.failed,
        revoked=whole.revoked,
        run=whole.run,
        wait=whole.wait,
        ended=tuple(_ended_in(at, known.get(k)) for k, at in enumerate(starts)),
    )


def _ended_in(at: datetime, slot: Counted | None) -> Ended:
    if slot is None:
        return Ended(at, 0, 0, NOTHING, NOTHING)
    return Ended(at, slot.ended, slot.failed, slot.run, slot.wait)
