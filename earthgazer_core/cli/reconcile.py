"""``earthgazer reconcile``: messages that the broker has lost come back from the record."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import FAILED, emit, json_option


@click.command()
@click.option("--dry-run", is_flag=True, help="Only list what is lost.")
@click.option(
    "--grace", "grace_s", type=click.FloatRange(min=0), default=120.0, show_default=True,
    help="Seconds of silence before a task can count as lost.",
)  # fmt: skip
@click.option(
    "--with-begun", is_flag=True,
    help="Also tasks that a worker had begun, once they were silent for longer than a task may run.",
)  # fmt: skip
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=5.0, show_default=True,
    help="Seconds that workers have to answer; each has to.",
)  # fmt: skip
@json_option
@click.pass_context
def reconcile(
    click_context: click.Context,
    dry_run: bool,
    grace_s: float,
    with_begun: bool,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Publish again the recorded, unfinished tasks that no queue and no worker has.

    Nothing is published while a worker doesn't answer, or where a result is known: that is written down
    then. The body of a chord whose members all succeeded is published where the chord's count was lost.
    """
    from earthgazer_core.operations.broker import RedisBroker
    from earthgazer_core.operations.mailbox import Mailbox
    from earthgazer_core.operations.reconcile import reconcile as operation

    context: CliContext = click_context.obj
    key, limit_s = context.settings.recorder.encryption_key, context.settings.celery.task_time_limit_s
    with closing(RedisBroker(context.app)) as broker, closing(Mailbox(context.app)) as mailbox:
        done = operation(
            context.database, context.app, broker, mailbox, grace_s=grace_s, dry_run=dry_run,
            begun_grace_s=limit_s + grace_s if with_begun else None, timeout_s=timeout_s,
            encryption_key=key.get_secret_value() if key else None,
        )  # fmt: skip
    lines = [f"{one.task_id}  {one.name}  {one.state} since {one.silent_since}" for one in done.lost]
    lines += [f"{task_id}  ended, which was not on the record" for task_id in done.ended]
    lines += [f"{task_id}  waited for a chord that is complete" for task_id in done.bodies]
    lines += [f"not {task_id}: {reason}" for task_id, reason in done.refused]
    emit(asdict(done), as_json, [*lines, "only listed" if dry_run and not done.is_idle else done.summary])
    if done.refused:
        click_context.exit(FAILED)
