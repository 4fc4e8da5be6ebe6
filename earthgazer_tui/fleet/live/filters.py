"""The filter line of a list: words, ``field:value``, ``field:<value``, and ``-`` or ``NOT`` before them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, not_, or_

from earthgazer_tui.fleet.errors import RefusedError

_TOKEN = re.compile(r'-?(?:\w+:)?(?:[<>]=?)?(?:"[^"]*"|\S+)')
_PARTS = re.compile(r"(?P<no>-?)(?:(?P<field>[A-Za-z_]+):(?P<sign>[<>]=?)?)?(?P<value>.*)", re.DOTALL)

Condition = Callable[[str, str], ColumnElement[bool]]
"""From (sign, value) to SQL; raises ValueError where the value doesn't fit."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition of a filter line."""

    value: str
    """What is looked for."""
    field: str = ""
    """Where; empty means everywhere."""
    sign: str = ""
    """``<``, ``<=``, ``>``, ``>=`` or empty."""
    is_negated: bool = False
    """Whether it is what is not wanted."""


def parse(text: str) -> tuple[Term, ...]:
    """Return the terms of a filter line; anything is one, there are no errors."""
    terms = []
    negate = False
    for part in _TOKEN.findall(text):
        if part == "NOT":
            negate = True
            continue
        found = _PARTS.fullmatch(part)
        if found is None or not (value := found["value"].replace('"', "")):
            continue
        terms.append(
            Term(value, (found["field"] or "").lower(), found["sign"] or "", negate or found["no"] == "-")
        )
        negate = False
    return tuple(terms)


def where(text: str, words: Condition, fields: Mapping[str, Condition]) -> ColumnElement[bool] | None:
    """Return a filter line as SQL, None if it is empty.

    Raises:
        RefusedError: a field that isn't known, or a value that doesn't fit it; the message says what does.
    """
    conditions = []
    for term in parse(text):
        condition = fields.get(term.field) if term.field else words
        if condition is None:
            raise RefusedError(f"no field {term.field!r} to filter by: there are {', '.join(sorted(fields))}")
        try:
            sql = condition(term.sign, term.value)
        except ValueError as error:
            raise RefusedError(f"filter {term.field}:{term.sign}{term.value}: {error}") from None
        conditions.append(not_(sql) if term.is_negated else sql)
    return and_(*conditions) if conditions else None


def contains(*columns: SQLColumnExpression[Any]) -> Condition:
    """Return the condition that any of these columns contains the text, whatever its case."""
    return lambda _sign, value: or_(
        # NULL contains nothing, and "not NULL" would be neither true nor false.
        *(column.is_not(None) & column.icontains(value, autoescape=True) for column in columns)
    )


def compares(column: SQLColumnExpression[Any]) -> Condition:
    """Return the condition that a number is equal, below or above."""

    def condition(sign: str, value: str) -> ColumnElement[bool]:
        try:
            number = float(value)
        except ValueError:
            raise ValueError("a number is expected") from None
        compared: dict[str, ColumnElement[bool]] = {
            "": column == number,
            "<": column < number,
            "<=": column <= number,
            ">": column > number,
            ">=": column >= number,
        }
        return column.is_not(None) & compared[sign]

    return condition
