"""A filter as a function of one task, for rows that are in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from earthgazer_core.operations.filter.expression import Condition, Filter, Match, Moment, Range, Term, Text
from earthgazer_core.operations.filter.fields import FIELDS, Field

_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})
"""ASCII alone, as the database folds it in the collation that no locale changes."""

Predicate = Callable[[Any], bool]
"""Takes a mapping, or an object with the attributes, of one task."""
Reader = Callable[[str], Callable[[Any], Any]]
"""Returns how to read from a task what it has by a name; None for nothing."""


def _of_mapping_or_object(name: str) -> Callable[[Any], Any]:
    return lambda task: task.get(name) if isinstance(task, Mapping) else getattr(task, name, None)


def matcher(
    filter_: Filter,
    now: datetime | None = None,
    fields: Mapping[str, Field] = FIELDS,
    reader: Reader = _of_mapping_or_object,
) -> Predicate:
    """Return a function that says whether a task matches.

    Args:
        filter_: What is wanted.
        now: The moment that spans count back from; the moment of this call if None.
        fields: What the filter was parsed with.
        reader: How to read tasks that are neither mappings nor objects with those attributes.

    Returns:
        A function of a mapping or object with the names of ``task_executions``; ``at`` serves for
        ``updated_at``, and what is missing is unknown. What is unknown meets no condition; of several
        values in one column, a tuple, one has to.
    """
    moment = now or datetime.now(UTC)
    tests = [_term(term, _values(term.field, moment, fields, reader), moment) for term in filter_.terms]
    if len(tests) == 1:
        return tests[0]
    return lambda task: all(test(task) for test in tests)


def _term(term: Term, values: Callable[[Any], Sequence[Any]], now: datetime) -> Predicate:
    checks = tuple(_condition(term.field, condition, now) for condition in term.conditions)
    is_negated = term.is_negated

    # Plain loops: tens of thousands of tasks come through here at each key that is typed.
    def test(task: Any) -> bool:
        for value in values(task):
            if value is not None:
                for check in checks:
                    if check(value):
                        return not is_negated
        return is_negated

    return test


def _values(
    field: str, now: datetime, fields: Mapping[str, Field], reader: Reader
) -> Callable[[Any], Sequence[Any]]:
    if field == "runtime":
        return _runtime(now, reader)
    if field == "wait":
        return _wait(now, reader)
    if field in ("since", "before"):
        updated_at, at = reader("updated_at"), reader("at")
        return lambda task: (updated_at(task) or at(task),)
    reads = [reader(column) for column in fields[field].columns]

    def values(task: Any) -> Sequence[Any]:
        found = [read(task) for read in reads]
        if len(found) == 1 and isinstance(found[0], tuple):
            return found[0]
        return found

    return values


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
    needle = _lower(wanted.value)
    if wanted.match is Match.EQUALS:
        return lambda value: _lower(value) == needle
    if wanted.match is Match.CONTAINS:
        return lambda value: needle in _lower(value)
    pattern = re.compile(".*".join(re.escape(part) for part in needle.split("*")), re.DOTALL)
    return lambda value: pattern.fullmatch(_lower(value)) is not None


def _lower(value: Any) -> str:
    text = str(value)
    return text.lower() if text.isascii() else text.translate(_LOWER)


def _within(wanted: Range, value: float) -> bool:
    if wanted.low is not None and (value < wanted.low or (value == wanted.low and not wanted.has_low)):
        return False
    return wanted.high is None or value < wanted.high or (value == wanted.high and wanted.has_high)


def _runtime(now: datetime, reader: Reader) -> Callable[[Any], Sequence[Any]]:
    runtime_s, started_at, finished_at = map(reader, ("runtime_s", "started_at", "finished_at"))

    def values(task: Any) -> Sequence[Any]:
        known = runtime_s(task)
        if known is not None or (started := started_at(task)) is None:
            return (known,)
        # Two hosts' clocks may tell that something ended before it began.
        return (max(0.0, ((finished_at(task) or now) - started).total_seconds()),)

    return values


def _wait(now: datetime, reader: Reader) -> Callable[[Any], Sequence[Any]]:
    sent_at, started_at, finished_at = map(reader, ("sent_at", "started_at", "finished_at"))

    def values(task: Any) -> Sequence[Any]:
        sent = sent_at(task)
        if sent is None:
            return ()
        return (max(0.0, ((started_at(task) or finished_at(task) or now) - sent).total_seconds()),)

    return values
