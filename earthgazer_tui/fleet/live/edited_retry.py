"""Arguments of a task as text to change, and copies of it with what was made of them; blocks."""

from __future__ import annotations

from earthgazer_core.db.session import Database
from earthgazer_core.operations.edit import ArgumentsError, difference, parse_arguments, render_arguments
from earthgazer_core.operations.executions import show_execution
from earthgazer_core.operations.recorded_arguments import recorded_arguments
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.operations.retry_offer import REFUSED
from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.models import ActionResult, ArgumentsReview, EditableArguments

_MOST = 200_000
"""Characters that are edited at most; an editor draws all of them."""


def editable(database: Database, retrier: Retrier, task_id: str) -> EditableArguments:
    """Return the arguments of a recorded task as text.

    Raises:
        RefusedError: they are hidden, not known for certain, or it can't be retried at all.
    """
    with database.session() as session:
        args, kwargs = recorded_arguments(session, task_id)
        detail = show_execution(session, task_id)
    offer = retrier.offer(task_id)
    if offer.mode == REFUSED:
        raise RefusedError(sanitise.line(offer.reason))
    text = shown(render_arguments(args, kwargs))
    name = sanitise.name(detail.execution.name)
    return EditableArguments(sanitise.name(task_id), name, text, sanitise.line(detail.args_source))


def shown(text: str) -> str:
    """Return a JSON text with what must not reach a terminal as JSON's own escapes: it means the same.

    Raises:
        RefusedError: it is too long to be edited here.
    """
    if len(text) > _MOST:
        raise RefusedError("these arguments are too long to be edited here: earthgazer tasks retry --edit")
    # Nothing but what stands in a string needs it.
    return "\n".join(
        line if sanitise.text(line) == line else "".join(map(_shown, line)) for line in text.split("\n")
    )


def _shown(character: str) -> str:
    if sanitise.line(character) == character:
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def review(old: str, new: str) -> ArgumentsReview:
    """Return what is wrong with a text of arguments, or what it changes."""
    try:
        parsed = parse_arguments(new)
    except ArgumentsError as error:
        return ArgumentsReview(sanitise.line(error.reason), error.line, error.column)
    return ArgumentsReview("", difference=sanitise.text(shown(difference(parse_arguments(old), parsed))))


def retry_edited(retrier: Retrier, task_id: str, text: str) -> ActionResult:
    """Send a copy with these arguments.

    Raises:
        earthgazer_core.errors.EarthGazerError: it can't be sent, or the text names no arguments.
    """
    args, kwargs = parse_arguments(text)
    done = retrier.retry(task_id, args=args, kwargs=kwargs)
    copied = f"as copy {(done.new_id or '')[:8]} with other arguments"
    return ActionResult(True, sanitise.line(f"Sent {done.name} {copied}, queue {done.queue}"))
