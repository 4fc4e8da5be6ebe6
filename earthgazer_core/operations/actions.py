"""What operators did, as the audit has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, or_, select
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import OperatorActionRow


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
