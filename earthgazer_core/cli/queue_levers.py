"""``earthgazer queues peek`` and the other verbs that look into queues or change them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import DONE, FAILED, emit, json_option, note, table
from earthgazer_core.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from earthgazer_core.db.session import Database
    from earthgazer_core.operations.mailbox import Answer, Mailbox
    from earthgazer_core.operations.queues.lever_broker import LeverBroker
    from earthgazer_core.operations.queues.message import WaitingMessage

_timeout = click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=1.0, show_default=True,
    help="Seconds to wait for workers.",
)  # fmt: skip
_to_queue = click.option("--to", "to_queue", help="Another queue.")
_to_priority = click.option(
    "--priority", "to_priority", type=click.IntRange(0, 255),
    help="On Redis 0 runs first and 9 last; on RabbitMQ the highest runs first.",
)  # fmt: skip
_PREVIEWED = 10


@click.command()
@click.argument("queue")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--offset", type=click.IntRange(min=0), default=0, show_default=True)
@json_option
@click.pass_obj
def peek(context: CliContext, queue: str, limit: int, offset: int, as_json: bool) -> None:
    """Show the messages that are next in QUEUE, the very next first."""
    from earthgazer_core.operations.queues.peek import peek as do_peek

    with _broker(context) as broker:
        found = do_peek(broker, queue, limit, offset)
    emit([_data(message) for message in found], as_json, _table(found) if found else ["empty"])


@click.command()
@click.argument("queue")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@json_option
@click.pass_obj
def held(context: CliContext, queue: str, limit: int, as_json: bool) -> None:
    """Show the messages of QUEUE that workers hold, those held longest first."""
    from earthgazer_core.operations.queues.peek import held as do_held

    with _broker(context) as broker:
        found = do_held(broker, queue, limit)
    lines = table(
        ("task", "name", "held s", "eta", "given back in s"),
        ((one.task_id, one.name, one.held_s, one.eta, one.redelivered_in_s) for one in found),
    )
    emit([asdict(one) for one in found], as_json, lines)


@click.command()
@click.argument("queue")
@click.argument("identity", metavar="ID")
@json_option
@click.pass_obj
def delete(context: CliContext, queue: str, identity: str, as_json: bool) -> None:
    """Delete the one message in QUEUE that has this task id or delivery tag."""
    from earthgazer_core.operations.queues.remove import remove

    with _broker(context) as broker:
        result = remove(broker, [_one(broker, queue, identity)], database=_database(context))
    [message] = result.removed
    emit(_data(message), as_json, [f"deleted {message.task_id} {message.name} from {queue}"])


@click.command()
@click.argument("queue")
@click.argument("identity", metavar="[ID]", required=False)
@click.option("--all", "is_all", is_flag=True, help="All messages that wait now.")
@_to_queue
@_to_priority
@click.option("--from-priority", type=click.IntRange(0, 255), help="With --all: only from this step.")
@json_option
@click.pass_obj
def move(
    context: CliContext, queue: str, identity: str | None, is_all: bool, to_queue: str | None,
    to_priority: int | None, from_priority: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Move one message (by task id or delivery tag), or all, to another queue or priority."""
    from earthgazer_core.operations.queues import move as moving

    if is_all == (identity is not None):
        raise InvalidInputError("name one message, or --all")
    database = _database(context)
    with _broker(context) as broker:
        if identity is None:
            result = moving.move_all(
                broker, queue, to_queue=to_queue, to_priority=to_priority, from_priority=from_priority,
                database=database,
            )  # fmt: skip
        else:
            chosen = [_one(broker, queue, identity)]
            result = moving.move(
                broker, chosen, to_queue=to_queue, to_priority=to_priority, database=database
            )
    emit(asdict(result), as_json, [result.summary])
    click.get_current_context().exit(FAILED if result.unreadable else DONE)


@click.command()
@click.argument("queue")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@click.pass_obj
def purge(context: CliContext, queue: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Delete the messages that wait in QUEUE, after showing them; workers keep what they hold."""
    from earthgazer_core.operations.queues.purge import preview_purge
    from earthgazer_core.operations.queues.purge import purge as do_purge

    if as_json and not (dry_run or yes):
        raise InvalidInputError("--json asks nothing: add --dry-run or --yes")
    with _broker(context) as broker:
        preview = preview_purge(broker, queue, _PREVIEWED)
        steps = " ".join(f"{step}:{size}" for step, size in preview.by_priority)
        shown = {
            "queue": queue,
            "total": preview.total,
            "by_priority": preview.by_priority,
            "unacked": preview.unacked,
            "first": [_data(message) for message in preview.first],
        }
        if not as_json:
            held_ones = (
                "what workers hold stays" if preview.unacked is None else f"{preview.unacked} held ones stay"
            )
            note(f"{queue}: {preview.total} messages ({steps}) would go; {held_ones}")
            for line in _table(preview.first):
                note(line)
        if dry_run:
            emit(shown, as_json)
            return
        if not yes and not click.confirm(f"Delete these {preview.total} messages?", err=True):
            note("nothing was deleted")
            click.get_current_context().exit(FAILED)
        result = do_purge(broker, preview, database=_database(context))
    emit(asdict(result), as_json, [result.summary])


@click.command()
@click.argument("queue")
@_timeout
@json_option
@click.pass_obj
def pause(context: CliContext, queue: str, timeout_s: float, as_json: bool) -> None:
    """Have every worker that consumes QUEUE stop, and keep who wanted that."""
    from earthgazer_core.operations.queues.pause import pause as do_pause

    with _broker(context) as broker, _mailbox(context) as mailbox:
        result = do_pause(
            broker, mailbox, queue, timeout_s=timeout_s, database=_database(context), on_answer=_tell
        )
    emit(asdict(result), as_json, [result.summary])
    click.get_current_context().exit(FAILED if result.consuming else DONE)


@click.command()
@click.argument("queue")
@click.option("--forget-silent", is_flag=True, help="Forget the pause also for workers that don't answer.")
@_timeout
@json_option
@click.pass_obj
def resume(context: CliContext, queue: str, forget_silent: bool, timeout_s: float, as_json: bool) -> None:
    """Have the workers that consumed QUEUE before its pause go on."""
    from earthgazer_core.operations.queues.pause import resume as do_resume

    with _broker(context) as broker, _mailbox(context) as mailbox:
        result = do_resume(
            broker, mailbox, queue, forget_silent=forget_silent, timeout_s=timeout_s,
            database=_database(context), on_answer=_tell,
        )  # fmt: skip
    emit(asdict(result), as_json, [result.summary])
    click.get_current_context().exit(FAILED if result.waiting else DONE)


@click.command()
@click.option("--enforce", "is_enforced", is_flag=True, help="Tell workers that have restarted since.")
@_timeout
@json_option
@click.pass_obj
def paused(context: CliContext, is_enforced: bool, timeout_s: float, as_json: bool) -> None:
    """List paused queues with who paused them."""
    from earthgazer_core.operations.queues.marks import pauses
    from earthgazer_core.operations.queues.pause import enforce

    with _broker(context) as broker:
        if is_enforced:
            with _mailbox(context) as mailbox:
                for again in enforce(broker, mailbox, timeout_s=timeout_s, database=_database(context)):
                    note(again.summary)
        found = pauses(broker)
    lines = table(
        ("queue", "paused by", "from", "at", "workers"),
        (
            (one.queue, one.who, one.origin, one.at, ",".join(each.worker for each in one.consumers))
            for one in found
        ),
    )
    emit([asdict(one) for one in found], as_json, lines if found else ["no queue is paused"])


COMMANDS: tuple[click.Command, ...] = (peek, held, delete, move, purge, pause, resume, paused)
"""Subcommands of ``earthgazer queues``."""


@contextmanager
def _broker(context: CliContext) -> Iterator[LeverBroker]:
    from earthgazer_core.operations.queues.lever_broker import lever_broker

    opened = lever_broker(
        context.app, context.settings.recorder.redact, management_url=context.management_url
    )
    with closing(opened) as broker:
        yield broker


@contextmanager
def _mailbox(context: CliContext) -> Iterator[Mailbox]:
    from earthgazer_core.operations.mailbox import Mailbox

    with closing(Mailbox(context.app)) as mailbox:
        yield mailbox


def _database(context: CliContext) -> Database | None:
    return context.database if context.settings.database.is_configured else None


def _one(broker: LeverBroker, queue: str, identity: str) -> WaitingMessage:
    from earthgazer_core.operations.queues.peek import find

    found = find(broker, queue, identity)
    if not found:
        raise NotFoundError(f"no message {identity} waits in {queue}")
    tags = ", ".join(sorted({message.delivery_tag for message in found}))
    # Of several that are equal to the last byte, any will do.
    if len({message.raw for message in found}) > 1:
        raise InvalidInputError(f"{len(found)} messages of {identity}: name one by its delivery tag: {tags}")
    return found[0]


def _tell(answer: Answer) -> None:
    note(f"{answer.worker}: {answer.text}")


def _data(message: WaitingMessage) -> dict[str, Any]:
    data = asdict(message)
    del data["raw"]
    return data


def _table(messages: Sequence[WaitingMessage]) -> list[str]:
    return table(
        ("#", "priority", "task", "name", "args", "kwargs", "eta", "then", "note"),
        (
            (
                one.position, one.priority, one.task_id, one.name, _cut(one.args), _cut(one.kwargs), one.eta,
                " → ".join(one.follows), one.note,
            )
            for one in messages
        ),
    )  # fmt: skip


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
