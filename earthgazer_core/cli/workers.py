"""``earthgazer workers``: who is there, what they run, and the size of their pools."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import DONE, FAILED, emit, json_option, table
from earthgazer_core.cli.worker_levers import COMMANDS, opened_control


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
    _resize(context, name, n, as_json)


@workers.command()
@click.argument("name")
@click.argument("n", type=click.IntRange(min=1), default=1)
@json_option
@click.pass_obj
def shrink(context: CliContext, name: str, n: int, as_json: bool) -> None:
    """Take N processes from the pool of worker NAME, and count those that are left."""
    _resize(context, name, -n, as_json)


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


def _resize(context: CliContext, name: str, by: int, as_json: bool) -> None:
    from earthgazer_core.operations.controls.counted_resize import resize_counted

    with opened_control(context) as control:
        change = resize_counted(control, name, by)
    is_done = change.size_after == change.size_wanted
    sizes = {"before": change.size_before, "after": change.size_after, "wanted": change.size_wanted}
    emit({"worker": name, **sizes}, as_json, [change.summary])
    click.get_current_context().exit(DONE if is_done else FAILED)


for _command in COMMANDS:
    workers.add_command(_command)
