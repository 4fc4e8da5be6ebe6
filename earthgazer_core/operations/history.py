"""What ran over a span of time: counts, failures, run and wait times, throughput; and who did what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Row,
    Subquery,
    Text,
    case,
    cast,
    extract,
    func,
    or_,
    select,
    text,
    tuple_,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import OperatorActionRow, TaskExecutionRow
from earthgazer_core.errors import InvalidInputError

STATEMENT_TIMEOUT_S = 15.0
"""A statement that takes longer is ended by the server."""
_SORTED_MB = 256
"""What percentiles of a long span may sort in memory; on disk it takes twice as long."""
MOST_SLOTS = 100
_SLOTS_S = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 7 * 86_400, 28 * 86_400)
_SHARES = (0.5, 0.95, 0.99)
_CLOCKS_APART = timedelta(minutes=10)


class GroupBy(StrEnum):
    """What executions are counted by."""

    TASK = "task"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Percentiles:
    """How long something took, in seconds; None where nothing was measured."""

    p50: float | None
    """Half took no longer."""
    p95: float | None
    """All but one in twenty took no longer."""
    p99: float | None
    """All but one in a hundred took no longer."""


_NOTHING = Percentiles(None, None, None)


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
    total: Group
    """All together."""
    groups: tuple[Group, ...]
    """By task or queue, the most frequent first."""


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """What an operator did."""

    number: int
    """Grows with time."""
    at: datetime
    """Aware UTC."""
    who: str
    """Login user."""
    origin: str | None
    """SSH origin or terminal."""
    context: str | None
    """The fleet's name where one works on several."""
    action: str
    """``task.retry``, ``pool.grow``, …"""
    target: Mapping[str, Any]
    """What it was done to."""
    outcome: str
    """``done``, ``refused`` or ``failed``."""
    detail: Mapping[str, Any]
    """What came of it."""


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
        until: End; the moment of this call if None.
        by: What to count by.
        with_slot_times: Whether run and wait times are wanted for each slot too; that takes as long again.

    Raises:
        InvalidInputError: the span is empty.
    """
    end = until or datetime.now(UTC)
    if since >= end:
        raise InvalidInputError("a span of time has to begin before it ends")
    slot_s = next((s for s in _SLOTS_S if (end - since).total_seconds() / s <= MOST_SLOTS), _SLOTS_S[-1])
    begin = datetime.fromtimestamp(since.timestamp() // slot_s * slot_s, UTC)
    session.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_S * 1000:.0f}"))
    session.execute(text(f"SET LOCAL work_mem = '{_SORTED_MB}MB'"))
    executions = _executions(begin, end, by, slot_s)
    counted = session.execute(_groups(executions)).all()
    slots = session.execute(_slots(executions, with_times=with_slot_times)).all()
    n = int((end - begin).total_seconds() // slot_s) + 1
    ended: dict[tuple[bool, str | None], dict[int, Row[Any]]] = {}
    for slot in slots:
        ended.setdefault((bool(slot.is_total), slot.name), {})[int(slot.slot)] = slot
    starts = [begin + timedelta(seconds=slot_s * k) for k in range(n)]
    groups = [_group(row, starts, ended.get((bool(row.is_total), row.name), {})) for row in counted]
    total = next(group for group in groups if group.is_total)
    rest = sorted((g for g in groups if not g.is_total), key=lambda g: (-g.count, g.name or ""))
    return History(begin, end, float(slot_s), total, tuple(rest))


def list_actions(
    session: Session,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    words: str = "",
    limit: int = 500,
) -> tuple[OperatorAction, ...]:
    """Return what operators did, newest first.

    Args:
        session: Database session.
        since: Done at this time or later.
        until: Done before this time.
        words: Each of them is somewhere in user, origin, action, target, outcome or detail.
        limit: At most so many.
    """
    row = OperatorActionRow
    query = select(row).order_by(row.at.desc(), row.id.desc()).limit(limit)
    if since is not None:
        query = query.where(row.at >= since)
    if until is not None:
        query = query.where(row.at < until)
    searched: Sequence[ColumnElement[Any]] = [
        *(one.expression for one in (row.who, row.origin, row.action, row.outcome)),
        cast(row.target, Text),
        cast(row.detail, Text),
    ]
    for word in words.split():
        query = query.where(or_(*(func.strpos(func.lower(one), word.lower()) > 0 for one in searched)))
    return tuple(
        OperatorAction(
            number=one.id,
            at=one.at,
            who=one.who,
            origin=one.origin,
            context=one.context,
            action=one.action,
            target=one.target,
            outcome=one.outcome,
            detail=one.detail,
        )
        for one in session.scalars(query)
    )


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


def _executions(begin: datetime, end: datetime, by: GroupBy, slot_s: float) -> Subquery:
    row = TaskExecutionRow
    waited = func.greatest(_seconds(row.started_at - func.greatest(row.sent_at, row.eta)), 0.0)
    # GREATEST leaves NULLs out, so that what was never started would have waited for nothing.
    has_waited = row.started_at.is_not(None) & row.sent_at.is_not(None)
    return (
        select(
            _COLUMNS[by].label("name"),
            func.floor((_seconds(row.finished_at.expression) - begin.timestamp()) / slot_s).label("slot"),
            row.state.label("state"),
            func.coalesce(row.runtime_s, _seconds(row.finished_at - row.started_at)).label("ran"),
            case((has_waited, waited)).label("waited"),
        )
        .where(*_ended(begin, end))
        .subquery()
    )


def _counts(of: Subquery) -> tuple[ColumnElement[Any], ...]:
    state = of.c.state
    return (
        func.count().label("ended"),
        func.count().filter(state == "FAILURE").label("failed"),
        func.count().filter(state.in_(("REVOKED", "REJECTED"))).label("revoked"),
    )


def _times(of: Subquery) -> Iterator[ColumnElement[Any]]:
    for name, took in (("run", of.c.ran), ("wait", of.c.waited)):
        shares = func.percentile_cont(array(_SHARES, type_=Double)).within_group(took)
        yield type_coerce(shares, ARRAY(Double)).label(name)


def _groups(of: Subquery) -> Any:
    name = of.c.name
    counted = select(name, func.grouping(name).label("is_total"), *_counts(of), *_times(of))
    return counted.group_by(func.grouping_sets(name, text("()")))


def _slots(of: Subquery, *, with_times: bool) -> Any:
    name, slot = of.c.name, of.c.slot
    times = tuple(_times(of)) if with_times else ()
    counted = select(name, slot, func.grouping(name).label("is_total"), *_counts(of), *times)
    return counted.group_by(func.grouping_sets(tuple_(name, slot), slot))


def _seconds(interval: ColumnElement[Any]) -> ColumnElement[float]:
    return cast(extract("epoch", interval), Double)


def _group(row: Row[Any], starts: Sequence[datetime], slots: Mapping[int, Row[Any]]) -> Group:
    return Group(
        name=row.name,
        is_total=bool(row.is_total),
        count=row.ended,
        failed=row.failed,
        revoked=row.revoked,
        run=_percentiles(row.run),
        wait=_percentiles(row.wait),
        ended=tuple(_ended_in(at, slots.get(k)) for k, at in enumerate(starts)),
    )


def _ended_in(at: datetime, slot: Row[Any] | None) -> Ended:
    if slot is None:
        return Ended(at, 0, 0, _NOTHING, _NOTHING)
    known = slot._mapping
    return Ended(at, slot.ended, slot.failed, _percentiles(known.get("run")), _percentiles(known.get("wait")))


def _percentiles(values: Sequence[float | None] | None) -> Percentiles:
    return Percentiles(*values) if values else _NOTHING
