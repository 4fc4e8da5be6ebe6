"""``earthgazer workers``: who is there, what they run, and the size of their pools."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import DONE, FAILED, emit, json_option, table
from earthgazer_core.cli.worker_levers import COMMANDS

if TYPE_CHECKING:
    from earthgazer_core.operations.workers import PoolChange


@click.group(invoke_without_command=True)
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=1.0, show_default=True)
@json_option
@click.pass_context
def workers(ctx: click.Context, timeout_s: float, as_json: bool) -> None:
    """List workers that answer; or resize a pool: grow, shrink."""
    if ctx.invoked_subcommand is None:
        _list(ctx.find_object(CliContext) or ctx.obj, timeout_s, as_json)


@workers.command("list")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=1.0, show_default=True)
@json_option
@click.pass_obj
def list_(context: CliContext, timeout_s: float, as_json: bool) -> None:
    """List workers that answer."""
    _list(context, timeout_s, as_json)


@workers.command()
@click.argument("name")
@click.argument("n", type=click.IntRange(min=1), default=1)
@json_option
@click.pass_obj
def grow(context: CliContext, name: str, n: int, as_json: bool) -> None:
    """Add N processes to the pool of worker NAME, and count them."""
    _resize(context, "pool.grow", name, n, as_json)


@workers.command()
@click.argument("name")
@click.argument("n", type=click.IntRange(min=1), default=1)
@json_option
@click.pass_obj
def shrink(context: CliContext, name: str, n: int, as_json: bool) -> None:
    """Take N processes from the pool of worker NAME, and count those that are left."""
    _resize(context, "pool.shrink", name, n, as_json)


def _list(context: CliContext, timeout_s: float, as_json: bool) -> None:
    from earthgazer_core.operations.mailbox import Mailbox
    from earthgazer_core.operations.workers import survey

    with closing(Mailbox(context.app)) as mailbox:
        found = survey(mailbox, timeout_s=timeout_s)
    lines = table(
        ("worker", "pool", "size", "active", "reserved", "processed", "queues"),
        (
            (
                one.hostname,
                one.pool,
                one.pool_size,
                len(one.active),
                one.reserved,
                one.processed,
                ",".join(one.queues),
            )
            for one in found
        ),
    )
    emit([asdict(one) for one in found], as_json, lines)


def _resize(context: CliContext, action: str, name: str, n: int, as_json: bool) -> None:
    from earthgazer_core.errors import RefusedError
    from earthgazer_core.operations import workers as operations
    from earthgazer_core.operations.mailbox import Mailbox

    change: PoolChange
    with closing(Mailbox(context.app)) as mailbox:
        try:
            resize = operations.grow if action == "pool.grow" else operations.shrink
            change = resize(mailbox, name, n)
        except RefusedError as error:
            _note(context, action, {"worker": name, "n": n}, "refused", {"reason": str(error)})
            raise
    is_done = change.size_after == change.size_wanted
    sizes = {"before": change.size_before, "after": change.size_after, "wanted": change.size_wanted}
    _note(context, action, {"worker": name, "n": n}, "done", sizes)
    emit({"worker": name, **sizes}, as_json, [change.summary])
    click.get_current_context().exit(DONE if is_done else FAILED)


def _note(
    context: CliContext, action: str, target: Mapping[str, object], outcome: str, detail: Mapping[str, object]
) -> None:
    """Keep the action in the audit where there is a database to keep it in."""
    from earthgazer_core.operations import audit

    if context.settings.database.is_configured:
        audit.record(context.database, action, target, outcome, detail)


for _command in COMMANDS:
    workers.add_command(_command)
