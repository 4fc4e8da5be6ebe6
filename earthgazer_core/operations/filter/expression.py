"""What a filter line says, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from earthgazer_core.errors import InvalidInputError


class FilterError(InvalidInputError):
    """A filter line that can't be read; knows where it stops making sense."""

    def __init__(self, reason: str, line: str, position: int) -> None:
        super().__init__(f"{reason} (at character {position + 1})")
        self.reason = reason
        """What is wrong and what would be right."""
        self.line = line
        """The whole line, as it was given."""
        self.position = position
        """Index of the character that is wrong; the line's length where something is missing at its end."""

    @property
    def pointer(self) -> str:
        """The line, and below it a caret under the place."""
        return f"{self.line}\n{' ' * self.position}^"


class Match(StrEnum):
    """How text is compared; the case of ASCII letters never matters."""

    CONTAINS = "contains"
    GLOB = "glob"
    EQUALS = "equals"


@dataclass(frozen=True, slots=True)
class Text:
    """Text that a field has to hold, match with ``*``, or be."""

    value: str
    """What is looked for."""
    match: Match
    """How."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two ends, either of which may be open or missing."""

    low: float | None = None
    """Lower end."""
    high: float | None = None
    """Upper end."""
    has_low: bool = True
    """Whether the lower end belongs to it."""
    has_high: bool = True
    """Whether the upper end belongs to it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, or a span before the moment at which the filter is applied."""

    at: datetime | None = None
    """Aware UTC; None for a span."""
    ago: timedelta = timedelta()
    """How long before now."""

    def resolved(self, now: datetime) -> datetime:
        """Return the time that is meant."""
        return self.at if self.at is not None else now - self.ago


Condition = Text | Range | Moment
"""What one value of a term asks for."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition on one field; any of its values will do."""

    field: str
    """A name of :data:`earthgazer_core.operations.filter.fields.FIELDS`; ``text`` for a plain word."""
    conditions: tuple[Condition, ...]
    """Alternatives; at least one."""
    is_negated: bool = False
    """Whether it says what is not wanted."""


@dataclass(frozen=True, slots=True)
class Filter:
    """All terms of a line; a task has to satisfy each of them."""

    terms: tuple[Term, ...] = ()
    """In the order of the line; none lets everything through."""
