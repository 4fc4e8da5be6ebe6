"""From a filter line to what it says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

from earthgazer_core.operations.filter import values
from earthgazer_core.operations.filter.expression import (
    Condition,
    Filter,
    FilterError,
    Match,
    Moment,
    Term,
    Text,
)
from earthgazer_core.operations.filter.fields import ALIASES, FIELDS, STATES, Field, Kind

_FIELD = re.compile(r"([A-Za-z_]+):")
_SIGN = re.compile(r">=|<=|>|<|=")
_ESCAPED = re.compile(r'\\(["\\])')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def parse(line: str, fields: Mapping[str, Field] = FIELDS) -> Filter:
    """Return what a filter line says.

    Args:
        line: Words, ``field:value``, ``field:a,b``, ``field:>30``, ``field:10..60``, ``field:=exact``,
            ``"quoted text"``, ``*`` for anything, each with ``-`` or ``NOT`` before it if it is not wanted.
        fields: What can stand before a colon; the fields of a task by default.

    Raises:
        FilterError: it says nothing that could be understood; knows the place.
    """
    for position, letter in enumerate(line):
        if letter == "\0" or "\ud800" <= letter <= "\udfff":
            raise FilterError("this character can't be looked for", line, position)
    return _Reader(line, fields).filter()


class _Reader:
    """A place in a line, moved on by what is read."""

    def __init__(self, line: str, fields: Mapping[str, Field]) -> None:
        self._line = line
        self._fields = fields
        self._at = 0

    def filter(self) -> Filter:
        terms = []
        while self._skip_space():
            terms.append(self._term())
        return Filter(tuple(terms))

    def _skip_space(self) -> bool:
        while self._at < len(self._line) and self._line[self._at].isspace():
            self._at += 1
        return self._at < len(self._line)

    def _term(self) -> Term:
        is_negated = False
        while (length := self._negation()) > 0:
            begin = self._at
            self._at += length
            is_negated = not is_negated
            if not self._skip_space():
                raise FilterError("something has to follow that is not wanted", self._line, begin)
        name, field = "text", self._fields["text"]
        found = _FIELD.match(self._line, self._at)
        if found is not None:
            name = ALIASES.get(found[1].lower(), found[1].lower())
            if name not in self._fields:
                raise FilterError(_no_field(found[1], self._fields), self._line, self._at)
            field = self._fields[name]
            self._at = found.end()
        conditions = self._conditions(field, is_word=found is None)
        return Term(name, conditions, is_negated)

    def _negation(self) -> int:
        """Return the length of a ``-`` or ``NOT`` here; 0 where there is none."""
        if self._line.startswith("-", self._at):
            return 1
        word = self._line[self._at : self._at + 4]
        return 3 if word[:3] == "NOT" and (len(word) == 3 or word[3].isspace()) else 0

    def _conditions(self, field: Field, *, is_word: bool) -> tuple[Condition, ...]:
        conditions: list[Condition] = []
        while True:
            begin = self._at
            sign = "" if is_word else self._sign()
            value, is_quoted = self._value(is_word=is_word)
            if not value and not is_quoted:
                raise FilterError(f"a {field.kind} is missing here", self._line, self._at)
            try:
                conditions += _read(field, sign, value, is_quoted=is_quoted)
            except ValueError as error:
                raise FilterError(str(error), self._line, begin) from None
            if is_word or not self._line.startswith(",", self._at):
                break
            self._at += 1
        if len(conditions) > 1 and isinstance(conditions[0], Moment):
            raise FilterError("one time is enough", self._line, begin)
        return tuple(conditions)

    def _sign(self) -> str:
        found = _SIGN.match(self._line, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[0]

    def _value(self, *, is_word: bool) -> tuple[str, bool]:
        if self._line.startswith('"', self._at):
            return self._quoted(is_word=is_word), True
        begin = self._at
        while self._at < len(self._line) and not self._ends_value(is_word=is_word):
            self._at += 1
        return self._line[begin : self._at], False

    def _quoted(self, *, is_word: bool) -> str:
        found = _QUOTED.match(self._line, self._at)
        if found is None:
            raise FilterError("this quotation has no end", self._line, self._at)
        self._at = found.end()
        if self._at < len(self._line) and not self._ends_value(is_word=is_word):
            raise FilterError("a space is missing after the quotation", self._line, self._at)
        return _ESCAPED.sub(r"\1", found[1])

    def _ends_value(self, *, is_word: bool) -> bool:
        letter = self._line[self._at]
        return letter.isspace() or (letter == "," and not is_word)


def _read(field: Field, sign: str, value: str, *, is_quoted: bool) -> tuple[Condition, ...]:
    if field.kind in (Kind.TEXT, Kind.STATE) and sign not in ("", "="):
        raise ValueError(f"text can't be compared by {sign}; = means exactly this")
    match field.kind:
        case Kind.TEXT:
            return (Text(value, _match(sign, value, is_quoted=is_quoted)),)
        case Kind.STATE:
            state = value.upper()
            return tuple(Text(one, Match.EQUALS) for one in STATES.get(state, (state,)))
        case Kind.INTEGER:
            return (values.integer_range(sign, value),)
        case Kind.SPAN:
            return (values.span_range(sign, value),)
        case Kind.MOMENT:
            return (values.moment(sign, value),)


def _match(sign: str, value: str, *, is_quoted: bool) -> Match:
    if sign == "=":
        return Match.EQUALS
    return Match.GLOB if "*" in value and not is_quoted else Match.CONTAINS


def _no_field(name: str, fields: Mapping[str, Field]) -> str:
    near = get_close_matches(name.lower(), fields, n=1)
    hint = f"did you mean {near[0]}:?" if near else f"there are {', '.join(fields)}"
    return f'no field {name}: {hint} (quote the word to look for it: "{name}:…")'
