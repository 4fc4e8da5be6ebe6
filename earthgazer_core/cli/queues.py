"""``earthgazer queues``: what waits, and who takes it."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import asdict

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import emit, json_option, note, table
from earthgazer_core.cli.queue_levers import COMMANDS


@click.group(invoke_without_command=True)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Seconds to wait for workers to say what they consume; 0 asks nobody.",
)
@json_option
@click.pass_context
def queues(ctx: click.Context, timeout_s: float, as_json: bool) -> None:
    """List queues with depth by priority, unacknowledged messages and consumers; or look into one."""
    if ctx.invoked_subcommand is None:
        _list(ctx.find_object(CliContext) or ctx.obj, timeout_s, as_json)


def _list(context: CliContext, timeout_s: float, as_json: bool) -> None:
    from earthgazer_core.operations.brokers import broker_of
    from earthgazer_core.operations.mailbox import Mailbox

    consumers: Counter[str] | None = None
    if timeout_s:
        with closing(Mailbox(context.app)) as mailbox:
            told = mailbox.ask("active_queues", timeout_s=timeout_s).values
        consumers = Counter(
            str(queue.get("name")) for known in told.values() if isinstance(known, list) for queue in known
        )
    with closing(broker_of(context.app, management_url=context.management_url)) as broker:
        snapshot = broker.snapshot(broker.queue_names(also=consumers or ()), consumers)
    lines = table(
        ("queue", "depth", "by priority", "unacked", "oldest", "consumers"),
        (
            (
                queue.name,
                queue.depth,
                " ".join(f"{step}:{size}" for step, size in queue.by_priority),
                "?" if queue.unacked is None else queue.unacked,
                "" if queue.oldest_unacked_s is None else f"{queue.oldest_unacked_s:.0f} s",
                queue.consumers,
            )
            for queue in snapshot.queues
        ),
    )
    if snapshot.unacked_reason:
        note(f"what workers hold is not known: {snapshot.unacked_reason}")
    emit([asdict(queue) for queue in snapshot.queues], as_json, lines)


for _command in COMMANDS:
    queues.add_command(_command)
