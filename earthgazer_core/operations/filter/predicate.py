"""A filter as a function of one task, for rows that are in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from earthgazer_core.operations.filter.expression import Condition, Filter, Match, Moment, Range, Term, Text
from earthgazer_core.operations.filter.fields import FIELDS, Field

_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})
"""ASCII alone, as the database folds it in the collation that no locale changes."""

Predicate = Callable[[Any], bool]
"""Takes a mapping, or an object with the attributes, of one task."""


def matcher(filter_: Filter, now: datetime | None = None, fields: Mapping[str, Field] = FIELDS) -> Predicate:
    """Return a function that says whether a task matches.

    Args:
        filter_: What is wanted.
        now: The moment that spans count back from; the moment of this call if None.
        fields: What the filter was parsed with.

    Returns:
        A function of a mapping or object with the names of ``task_executions``; ``at`` serves for
        ``updated_at``, and what is missing is unknown. What is unknown meets no condition; of several
        values, a tuple, one has to.
    """
    moment = now or datetime.now(UTC)
    tests = [_term(term, moment, fields) for term in filter_.terms]
    return lambda task: all(test(task) for test in tests)


def _term(term: Term, now: datetime, fields: Mapping[str, Field]) -> Predicate:
    read = _values(term.field, now, fields)
    tests = [_condition(term.field, condition, now) for condition in term.conditions]

    def test(task: Any) -> bool:
        values = [value for value in read(task) if value is not None]
        return any(check(value) for check in tests for value in values) is not term.is_negated

    return test


def _values(field: str, now: datetime, fields: Mapping[str, Field]) -> Callable[[Any], tuple[Any, ...]]:
    if field == "runtime":
        return lambda task: (_runtime(task, now),)
    if field == "wait":
        return lambda task: (_wait(task, now),)
    if field in ("since", "before"):
        return lambda task: (_get(task, "updated_at", "at"),)
    columns = fields[field].columns
    return lambda task: tuple(value for column in columns for value in _each(_get(task, column)))


def _condition(field: str, condition: Condition, now: datetime) -> Callable[[Any], bool]:
    match condition:
        case Text():
            return _text(condition)
        case Range():
            return lambda value: _within(condition, value)
        case Moment():
            at = condition.resolved(now)
            return (lambda value: value >= at) if field == "since" else (lambda value: value < at)


def _text(wanted: Text) -> Callable[[Any], bool]:
    needle = wanted.value.translate(_LOWER)
    if wanted.match is Match.EQUALS:
        return lambda value: str(value).translate(_LOWER) == needle
    if wanted.match is Match.CONTAINS:
        return lambda value: needle in str(value).translate(_LOWER)
    pattern = re.compile(".*".join(re.escape(part) for part in needle.split("*")), re.DOTALL)
    return lambda value: pattern.fullmatch(str(value).translate(_LOWER)) is not None


def _within(wanted: Range, value: float) -> bool:
    if wanted.low is not None and (value < wanted.low or (value == wanted.low and not wanted.has_low)):
        return False
    return wanted.high is None or value < wanted.high or (value == wanted.high and wanted.has_high)


def _runtime(task: Any, now: datetime) -> float | None:
    known: float | None = _get(task, "runtime_s")
    if known is not None:
        return known
    started: datetime | None = _get(task, "started_at")
    return None if started is None else ((_get(task, "finished_at") or now) - started).total_seconds()


def _wait(task: Any, now: datetime) -> float | None:
    sent: datetime | None = _get(task, "sent_at")
    if sent is None:
        return None
    end: datetime = _get(task, "started_at") or _get(task, "finished_at") or now
    return (end - sent).total_seconds()


def _each(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _get(task: Any, *names: str) -> Any:
    for name in names:
        value = task.get(name) if isinstance(task, Mapping) else getattr(task, name, None)
        if value is not None:
            return value
    return None
