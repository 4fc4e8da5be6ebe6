"""Counts and exact times of executions; what is to be sorted for them has to fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Row,
    Subquery,
    func,
    select,
    text,
    tuple_,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from earthgazer_core.operations.percentiles import NOTHING, SHARES, Counted, Percentiles


def count_exactly(session: Session, of: Subquery, *, with_slot_times: bool) -> Iterator[Counted]:
    """Yield counts and times by name and for all, and by slot.

    Args:
        session: Database session.
        of: Executions with ``name``, ``slot``, ``state``, and ``ran`` and ``waited`` in seconds.
        with_slot_times: Whether slots have times too; that takes as long again.
    """
    for row in session.execute(_groups(of)):
        yield _counted(row, None, has_times=True)
    for row in session.execute(_slots(of, with_times=with_slot_times)):
        yield _counted(row, int(row.slot), has_times=with_slot_times)


def _groups(of: Subquery) -> Any:
    name = of.c.name
    counted = select(name, func.grouping(name).label("is_total"), *_counts(of), *_times(of))
    return counted.group_by(func.grouping_sets(name, text("()")))


def _slots(of: Subquery, *, with_times: bool) -> Any:
    name, slot = of.c.name, of.c.slot
    times = tuple(_times(of)) if with_times else ()
    counted = select(name, slot, func.grouping(name).label("is_total"), *_counts(of), *times)
    return counted.group_by(func.grouping_sets(tuple_(name, slot), slot))


def _counts(of: Subquery) -> tuple[ColumnElement[Any], ...]:
    state = of.c.state
    return (
        func.count().label("ended"),
        func.count().filter(state == "FAILURE").label("failed"),
        func.count().filter(state.in_(("REVOKED", "REJECTED"))).label("revoked"),
    )


def _times(of: Subquery) -> Iterator[ColumnElement[Any]]:
    for name, took in (("run", of.c.ran), ("wait", of.c.waited)):
        shares = func.percentile_cont(array(SHARES, type_=Double)).within_group(took)
        yield type_coerce(shares, ARRAY(Double)).label(name)


def _counted(row: Row[Any], slot: int | None, *, has_times: bool) -> Counted:
    run, wait = (_percentiles(row.run), _percentiles(row.wait)) if has_times else (NOTHING, NOTHING)
    return Counted(row.name, bool(row.is_total), slot, row.ended, row.failed, row.revoked, run, wait)


def _percentiles(values: Sequence[float | None] | None) -> Percentiles:
    return Percentiles(*values) if values else NOTHING
