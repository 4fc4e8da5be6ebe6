"""A filter as conditions on the recorded executions; every value is a bound parameter."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, TypeGuard

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Double,
    and_,
    case,
    cast,
    extract,
    func,
    literal,
    not_,
    or_,
    true,
)

from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.operations.filter.expression import Condition, Filter, Match, Moment, Range, Term, Text
from earthgazer_core.operations.filter.fields import FIELDS, Kind

_ESCAPE = "\\"
_IDS = ("id", "run")
_WHOLE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""Every id that Celery makes."""
_COLLATION = "C"
"""Folds the case of ASCII letters alone and compares bytes, whatever the database's locale."""


def where(filter_: Filter, now: datetime | None = None) -> tuple[ColumnElement[bool], ...]:
    """Return conditions on ``task_executions`` for ``select(TaskExecutionRow).where(*conditions)``.

    Args:
        filter_: What is wanted.
        now: The moment that spans count back from; the moment of this call if None.
    """
    moment = now or datetime.now(UTC)
    return tuple(_term(term, moment) for term in filter_.terms)


def _term(term: Term, now: datetime) -> ColumnElement[bool]:
    wanted = _wanted(term, now)
    # A NULL meets no condition, so its opposite is met: NOT alone would leave it unknown.
    return not_(func.coalesce(wanted, False)) if term.is_negated else wanted


def _wanted(term: Term, now: datetime) -> ColumnElement[bool]:
    if FIELDS[term.field].kind is Kind.STATE:
        # As it stands, so that the indexes on states serve.
        return TaskExecutionRow.state.in_(
            [condition.value for condition in term.conditions if isinstance(condition, Text)]
        )
    columns = _columns(term.field, now)
    ids = [condition.value.lower() for condition in term.conditions if _is_whole_id(condition)]
    if term.field in _IDS and len(ids) == len(term.conditions):
        # Only so their indexes serve.
        return columns[0].in_(ids)
    return or_(
        *(
            _condition(term.field, column, condition, now)
            for condition in term.conditions
            for column in columns
        )
    )


def _is_whole_id(condition: Condition) -> TypeGuard[Text]:
    return isinstance(condition, Text) and _WHOLE_ID.fullmatch(condition.value) is not None


def _columns(field: str, now: datetime) -> tuple[ColumnElement[Any], ...]:
    row = TaskExecutionRow
    moment = literal(now, DateTime(timezone=True))
    if field == "runtime":
        elapsed = func.coalesce(row.finished_at, moment) - row.started_at
        return (func.coalesce(row.runtime_s, _seconds(elapsed)),)
    if field == "wait":
        waited = func.coalesce(row.started_at, row.finished_at, moment) - row.sent_at
        return (_seconds(waited),)
    if field in ("since", "before"):
        return (row.updated_at.expression,)
    return tuple(getattr(row, column).expression for column in FIELDS[field].columns)


def _seconds(span: ColumnElement[Any]) -> ColumnElement[Any]:
    seconds = cast(extract("epoch", span), Double)
    # Two hosts' clocks may tell that something ended before it began. GREATEST would make NULL 0.
    return case((seconds < 0.0, 0.0), else_=seconds)


def _condition(
    field: str, column: ColumnElement[Any], condition: Condition, now: datetime
) -> ColumnElement[bool]:
    match condition:
        case Text():
            return _text(column, condition)
        case Range():
            return _within(column, condition)
        case Moment():
            at = literal(condition.resolved(now), DateTime(timezone=True))
            return column >= at if field == "since" else column < at


def _text(column: ColumnElement[Any], wanted: Text) -> ColumnElement[bool]:
    needle = _fold(literal(wanted.value))
    if wanted.match is Match.EQUALS:
        return _fold(column) == needle
    if wanted.match is Match.CONTAINS:
        return func.strpos(_fold(column), needle) > 0
    pattern = "%".join(_literally(part) for part in wanted.value.split("*"))
    return _fold(column).like(_fold(literal(pattern)), escape=_ESCAPE)


def _fold(value: ColumnElement[Any]) -> ColumnElement[str]:
    return func.lower(value.collate(_COLLATION))


def _literally(text: str) -> str:
    for letter in (_ESCAPE, "%", "_"):
        text = text.replace(letter, _ESCAPE + letter)
    return text


def _within(column: ColumnElement[Any], wanted: Range) -> ColumnElement[bool]:
    ends: list[ColumnElement[bool]] = []
    if wanted.low is not None:
        ends.append(column >= wanted.low if wanted.has_low else column > wanted.low)
    if wanted.high is not None:
        ends.append(column <= wanted.high if wanted.has_high else column < wanted.high)
    return and_(true(), *ends)
