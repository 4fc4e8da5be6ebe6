"""Filter lines on the command line: one that can't be read is shown with the place."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import click

from earthgazer_core.cli.output import note
from earthgazer_core.cli.text import printable

if TYPE_CHECKING:
    from earthgazer_core.operations.filter import Filter, Term


def read_filter(line: str) -> Filter:
    """Return what a filter line says.

    Raises:
        FilterError: it says nothing that could be understood; the place was shown on standard error.
    """
    from earthgazer_core.operations.filter import FilterError, parse

    try:
        return parse(line)
    except FilterError as error:
        note(error.line)
        # What the terminal shows of the line may be longer than the line.
        click.echo(f"{' ' * len(printable(error.line[: error.position]))}^", err=True)
        raise


def terms_of(
    *,
    states: Iterable[str] = (),
    since: datetime | None = None,
    name: str | None = None,
    run_id: str | None = None,
    capture_id: int | None = None,
) -> tuple[Term, ...]:
    """Return what options ask for, in the words of a filter."""
    from earthgazer_core.operations.filter.expression import Condition, Match, Moment, Range, Term, Text

    wanted: list[tuple[str, tuple[Condition, ...]]] = [
        ("state", tuple(Text(state.upper(), Match.EQUALS) for state in states))
    ]
    if since is not None:
        wanted.append(("since", (Moment(since),)))
    for field, value in (("name", name), ("run", run_id)):
        if value is not None:
            wanted.append((field, (Text(value, Match.EQUALS),)))
    if capture_id is not None:
        wanted.append(("capture", (Range(capture_id, capture_id),)))
    return tuple(Term(field, conditions) for field, conditions in wanted if conditions)
