"""Counts of very many executions, with times right to a hundredth.

Each time is counted in a bucket of a width of one per cent, as sketches of quantiles do (Masson, Rim, Lee:
DDSketch, 2019, section 2.2), so nothing has to be sorted.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Double, Integer, Select, Subquery, cast, func, literal, select
from sqlalchemy.orm import Session

from earthgazer_core.operations.percentiles import SHARES, Counted, Percentiles

_WIDTH = math.log(1.01)
_LEAST_S = 1e-6
"""Added to each time."""


@dataclass(slots=True)
class _Tally:
    """What is counted of one name in one slot."""

    states: Counter[str] = field(default_factory=Counter)
    run: Counter[int] = field(default_factory=Counter)
    wait: Counter[int] = field(default_factory=Counter)


def expected_rows(session: Session, of: Select[Any]) -> int:
    """Return how many rows the server expects, without reading them."""
    statement = of.compile(dialect=session.get_bind().dialect)
    explained = session.connection().exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", statement.params)
    [plan] = explained.scalar_one()
    return int(plan["Plan"]["Plan Rows"])


def count_rounded(session: Session, of: Subquery, *, with_slot_times: bool) -> Iterator[Counted]:
    """Yield counts and times by name and for all, and by slot.

    Args:
        session: Database session.
        of: Executions with ``name``, ``slot``, ``state``, and ``ran`` and ``waited`` in seconds.
        with_slot_times: Whether slots have times too.
    """
    tallies: defaultdict[tuple[bool, str | None, int | None], _Tally] = defaultdict(_Tally)
    # All of them are counted even where there are none.
    tallies[True, None, None] = _Tally()
    for kind, what, has_slots in (
        ("states", of.c.state, True),
        ("run", _bucket(of.c.ran), with_slot_times),
        ("wait", _bucket(of.c.waited), with_slot_times),
    ):
        # One after the other: for several GROUPING SETS the server would sort all rows.
        for row in session.execute(_counts(of, what, has_slots=has_slots)):
            slots = {None, int(row.slot)} if has_slots else {None}
            for (is_total, name), slot in product(((False, row.name), (True, None)), slots):
                counts: Counter[Any] = getattr(tallies[is_total, name, slot], kind)
                counts[row.what] += row.n
    for (is_total, name, slot), tally in tallies.items():
        yield Counted(
            name=name,
            is_total=is_total,
            slot=slot,
            ended=tally.states.total(),
            failed=tally.states["FAILURE"],
            revoked=tally.states["REVOKED"] + tally.states["REJECTED"],
            run=_percentiles(tally.run),
            wait=_percentiles(tally.wait),
        )


def _counts(of: Subquery, what: ColumnElement[Any], *, has_slots: bool) -> Select[Any]:
    slots = (of.c.slot,) if has_slots else ()
    inner = select(of.c.name, *slots, what.label("what")).where(what.is_not(None)).subquery()
    return select(*inner.c, func.count().label("n")).group_by(*inner.c)


def _bucket(seconds: ColumnElement[float]) -> ColumnElement[int]:
    # Of zero there is no logarithm; and of what was never measured it is NULL.
    logarithm = func.ln(seconds + literal(_LEAST_S, Double))
    return cast(func.floor(logarithm / literal(_WIDTH, Double)), Integer)


def _percentiles(buckets: Counter[int]) -> Percentiles:
    return Percentiles(*(_at(buckets, share) for share in SHARES))


def _at(buckets: Counter[int], share: float) -> float | None:
    rank, seen = share * (buckets.total() - 1), 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen > rank:
            return max(0.0, math.exp((bucket + 0.5) * _WIDTH) - _LEAST_S)
    return None
