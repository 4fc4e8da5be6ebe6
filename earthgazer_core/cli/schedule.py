"""``earthgazer schedule``: periodic tasks."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import emit, json_option, table
from earthgazer_core.errors import InvalidInputError

if TYPE_CHECKING:
    from earthgazer_core.operations.schedule import PeriodicTask


@click.group()
def schedule() -> None:
    """Periodic tasks: list, run, enable, disable, interval. Changes count within two seconds."""


@schedule.command("list")
@json_option
@click.pass_obj
def list_(context: CliContext, as_json: bool) -> None:
    """List periodic tasks with their last and next run, in UTC."""
    from earthgazer_core.operations.schedule import list_schedule

    with context.session() as session:
        found = list_schedule(session)
    lines = table(
        ("name", "task", "when", "next run", "last run", "outcome", "runs"),
        (
            (one.name, one.task, one.timing, _next_run(one), one.last_run_at, _outcome(one), one.total_runs)
            for one in found
        ),
    )
    emit([asdict(one) for one in found], as_json, lines if found else ["empty: no beat has run yet"])


@schedule.command()
@click.argument("name")
@json_option
@click.pass_obj
def run(context: CliContext, name: str, as_json: bool) -> None:
    """Send a periodic task at once; its next run by schedule stays."""
    from earthgazer_core.operations.schedule import run_now

    sent = run_now(context.database, context.app, name)
    emit(asdict(sent), as_json, [f"{sent.name}: sent {sent.task} as {sent.task_id}"])


@schedule.command()
@click.argument("name")
@json_option
@click.pass_obj
def enable(context: CliContext, name: str, as_json: bool) -> None:
    """Switch a periodic task on; what was due meanwhile is not made up for."""
    _switch(context, name, True, as_json)


@schedule.command()
@click.argument("name")
@json_option
@click.pass_obj
def disable(context: CliContext, name: str, as_json: bool) -> None:
    """Switch a periodic task off."""
    _switch(context, name, False, as_json)


@schedule.command()
@click.argument("name")
@click.argument("seconds", type=float, required=False)
@click.option("--reset", is_flag=True, help="Go back to what the code says.")
@json_option
@click.pass_obj
def interval(context: CliContext, name: str, seconds: float | None, reset: bool, as_json: bool) -> None:
    """Have a periodic task run every SECONDS seconds."""
    from earthgazer_core.operations.schedule import set_interval

    if reset == (seconds is not None):
        raise InvalidInputError("give either the seconds or --reset")
    changed = set_interval(context.database, name, seconds)
    emit(asdict(changed), as_json, [f"{changed.name}: {changed.timing}, next run {_next_run(changed)}"])


def _switch(context: CliContext, name: str, enabled: bool, as_json: bool) -> None:
    from earthgazer_core.operations.schedule import set_enabled

    changed = set_enabled(context.database, name, enabled)
    emit(asdict(changed), as_json, [f"{changed.name}: next run {_next_run(changed)}"])


def _next_run(one: PeriodicTask) -> str:
    if one.next_run_at is None:
        return "off"
    return f"{one.next_run_at:%Y-%m-%d %H:%M:%S}{' LATE: does beat run?' if one.is_late else ''}"


def _outcome(one: PeriodicTask) -> str:
    if one.last_error:
        return one.last_error if one.last_state is None else f"{one.last_state} {one.last_error}"
    if one.last_state is None:
        return "-" if one.last_task_id is None else "not recorded"
    return one.last_state
