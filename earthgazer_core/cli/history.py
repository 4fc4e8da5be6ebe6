"""``earthgazer history``: what ran over a span of time, and what operators did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import emit, json_option, table

if TYPE_CHECKING:
    from earthgazer_core.operations.actions import OperatorAction
    from earthgazer_core.operations.history import Group, History
    from earthgazer_core.operations.percentiles import Percentiles


@click.command()
@click.option(
    "--since", default="24h", show_default=True, help="30m, 2h, 7d, or a time as ISO 8601 has it, UTC."
)
@click.option("--until", help="End of the span, written likewise; now if unset.")
@click.option("--by", type=click.Choice(["task", "queue"]), default="task", show_default=True)
@click.option("--actions", is_flag=True, help="What operators did, instead of what ran.")
@click.option("--match", "words", default="", help="Only names, or actions, with these words.")
@json_option
@click.pass_obj
def history(
    context: CliContext, since: str, until: str | None, by: str, actions: bool, words: str, as_json: bool
) -> None:
    """Show counts, failures, run and wait times of what ended since then; or what operators did."""
    from earthgazer_core.cli.moments import moment
    from earthgazer_core.operations.actions import list_actions
    from earthgazer_core.operations.history import GroupBy, read_history

    begin = moment(since, "--since")
    end = None if until is None else moment(until, "--until")
    with context.session() as session:
        if actions:
            done = list_actions(session, since=begin, until=end, words=words)
            emit([asdict(one) for one in done], as_json, _action_lines(done))
        else:
            found = read_history(session, begin, end, by=GroupBy(by), with_slot_times=as_json)
            found = replace(found, groups=tuple(one for one in found.groups if _has(one, words)))
            emit(asdict(found), as_json, _lines(found, by))


def _has(group: Group, words: str) -> bool:
    name = (group.name or "").casefold()
    return all(word in name for word in words.casefold().split())


def _lines(found: History, by: str) -> list[str]:
    header = (by, "count", "failed", "%", "revoked", "run p50", "p95", "p99", "wait p50", "p95", "p99")
    lines = table(header, [_cells(group) for group in (*found.groups, found.total)])
    return [*lines, "Times are right to 1 %: there are that many."] if found.is_rounded else lines


def _cells(group: Group) -> list[object]:
    name = "all" if group.is_total else group.name or "(unknown)"
    return [
        name,
        group.count,
        group.failed,
        _percent(group),
        group.revoked,
        *_times(group.run),
        *_times(group.wait),
    ]


def _percent(group: Group) -> str:
    return "-" if group.failed_percent is None else f"{group.failed_percent:.1f}"


def _times(took: Percentiles) -> Iterator[str]:
    for seconds in (took.p50, took.p95, took.p99):
        yield "-" if seconds is None else f"{seconds:.3f}"


def _action_lines(done: tuple[OperatorAction, ...]) -> list[str]:
    rows = (
        (one.at, one.who, one.origin, one.action, dict(one.target), one.outcome, dict(one.detail))
        for one in done
    )
    return table(("at", "who", "from", "action", "target", "outcome", "detail"), rows)
