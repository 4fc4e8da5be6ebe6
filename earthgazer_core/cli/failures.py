"""``earthgazer failures``: what failed, by kind, and what was given up."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.filters import read_filter
from earthgazer_core.cli.output import emit, json_option, note, table

if TYPE_CHECKING:
    from earthgazer_core.operations.filter import Filter


@click.command()
@click.option("--where", "line", default="", help="Those that match, as in 'name:ndvi since:2h'.")
@click.option("--dead", is_flag=True, help="Tasks that killed their processes twice, one by one.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@json_option
@click.pass_obj
def failures(context: CliContext, line: str, dead: bool, limit: int, as_json: bool) -> None:
    """Show failures of the same kind together: task, exception, message, and where in the task's own code.

    Dismissed ones are left out. `earthgazer tasks retry` runs them again, dead letters included.
    """
    filter_ = read_filter(line)
    if dead:
        _dead(context, filter_, limit, as_json)
        return
    from earthgazer_core.operations.failures import list_failure_groups

    with context.session() as session:
        found = list_failure_groups(session, filter_, limit)
    if found.is_cut:
        note(f"only the newest {found.failures} failures were looked at")
    lines = table(
        ("kind", "count", "first", "last", "task", "error", "where"),
        (
            (
                one.key, one.count, one.first_seen, one.last_seen, one.name,
                f"{one.error_type}: {one.message}", one.frame,
            )
            for one in found.groups
        ),
    )  # fmt: skip
    emit(asdict(found), as_json, lines)


def _dead(context: CliContext, filter_: Filter, limit: int, as_json: bool) -> None:
    from earthgazer_core.operations.dead_letters import list_dead_letters

    with context.session() as session:
        letters = list_dead_letters(session, filter_, limit)
    lines = table(
        ("task", "name", "given up", "attempt", "worker", "why"),
        ((one.task_id, one.name, one.at, one.attempt, one.worker, one.reason) for one in letters),
    )
    emit([asdict(one) for one in letters], as_json, lines)
