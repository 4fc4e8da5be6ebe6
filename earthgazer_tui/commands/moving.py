"""Where messages go: what an operator answers, and the dry run of a move."""

from __future__ import annotations

import re
from collections.abc import Sequence

from earthgazer_tui.commands.question import Prompt, Question
from earthgazer_tui.fleet.models import QueueMessage
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.wording import counted, leaf_name

_PRIORITY = re.compile(r"(?:(?P<queue>.*\S)\s+)?p(?P<priority>[0-9])")
_LISTED = 50


def read_target(text: str) -> tuple[str | None, int | None]:
    """Return (queue, priority) that a line names, either None: ``default``, ``p0`` or ``default p3``."""
    text = text.strip()
    found = _PRIORITY.fullmatch(text)
    if found is None:
        return text or None, None
    return found["queue"], int(found["priority"])


def describe_message(message: QueueMessage) -> str:
    """Return a message on one line of a dry run."""
    then = f"  then {' → '.join(map(leaf_name, message.follows))}" if message.follows else ""
    step = "" if message.priority is None else f"p{message.priority}  "
    what = leaf_name(message.name) or "(no task)"
    return f"{step}{what} {message.task_id[:8]}  {message.arguments}{then}".rstrip()


def describe_messages(messages: Sequence[QueueMessage], total: int) -> tuple[str, ...]:
    """Return the lines of a dry run of ``total`` messages, of which these are the first."""
    lines = [describe_message(message) for message in messages[:_LISTED]]
    if total > len(lines):
        lines.append(f"… and {total - len(lines)} more")
    return tuple(lines)


def where_to(queue: str, others: Sequence[str], what: str) -> Prompt:
    """Return the question where to."""
    return Prompt(
        title=f"Where should {what} of {queue} go?",
        lines=tuple(others) or ("no other queue is known",),
        value="",
        hint="a queue, a priority (p0 … p9; Redis runs p0 first, RabbitMQ last), or both: default p3",
        check=lambda text: _complaint(text, queue),
    )


async def dry_run(
    fleet: Fleet, queue: str, keys: Sequence[str] | None, to_queue: str | None, priority: int | None
) -> Question:
    """Return the dry run."""
    plan = await fleet.plan_move(queue, keys, to_queue, priority)
    gone = f" {plan.gone} have gone meanwhile." if plan.gone else ""
    return Question(
        title=f"Move {counted(plan.total, 'message')} to {_words(queue, to_queue, priority)}?",
        lines=describe_messages(plan.first, plan.total),
        note=f"They join the back of it. What workers hold stays with them.{gone}",
        yes="Move",
        is_destructive=False,
    )


def _words(queue: str, to_queue: str | None, priority: int | None) -> str:
    return (to_queue or queue) + ("" if priority is None else f" at priority {priority}")


def _complaint(text: str, queue: str) -> str:
    """Return why that names no other place; empty where it does."""
    to_queue, priority = read_target(text)
    if to_queue is None and priority is None:
        return "name a queue, a priority such as p0, or both"
    return f"they are in {queue} already" if to_queue == queue and priority is None else ""
