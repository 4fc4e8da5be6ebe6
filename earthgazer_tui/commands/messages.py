"""Commands on messages that wait in a queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earthgazer_tui.commands.command import Command, FleetCommand
from earthgazer_tui.commands.moving import describe_messages, dry_run, read_target, where_to
from earthgazer_tui.commands.question import Prompt, Question
from earthgazer_tui.fleet.models import ActionResult, Place, QueueMessage
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.wording import counted


@dataclass(frozen=True, slots=True)
class MessageChoice:
    """A message to act on, and where it could go."""

    message: QueueMessage
    """The message."""
    others: tuple[str, ...]
    """Other queues."""


class OpenMessage(Command):
    """Open the message under the cursor: arguments, headers and what comes after it."""

    id = "message.open"
    key = "o"
    title = "Open"
    action = "open_row"
    key_display = "enter"


class _OnMessages(FleetCommand[MessageChoice]):
    """Base of the commands on messages that wait."""

    def refusal(self, subjects: Sequence[MessageChoice]) -> str:
        """Refuse what a worker holds."""
        held = sum(choice.message.place is not Place.WAITING for choice in subjects)
        if not held:
            return ""
        who = "A worker holds this message" if len(subjects) == 1 else f"Workers hold {held} of these"
        return f"{who}: only what waits in the queue can be taken. Revoke the task instead."


class MoveMessages(_OnMessages):
    """Move the marked messages, or the one under the cursor, to another queue or priority."""

    id = "message.move"
    key = "M"
    title = "Move"

    def prompt(self, subjects: Sequence[MessageChoice]) -> Prompt | None:
        """Ask where to."""
        what = "the message" if len(subjects) == 1 else f"{len(subjects)} messages"
        return where_to(subjects[0].message.queue, subjects[0].others, what)

    async def ask(self, fleet: Fleet, subjects: Sequence[MessageChoice]) -> Question | None:
        """Ask always, with what goes where."""
        return await dry_run(fleet, *self._call(subjects))

    async def run(self, fleet: Fleet, subjects: Sequence[MessageChoice]) -> ActionResult:
        """Move them."""
        return await fleet.move_messages(*self._call(subjects))

    def _call(self, subjects: Sequence[MessageChoice]) -> tuple[str, Sequence[str], str | None, int | None]:
        return subjects[0].message.queue, _keys(subjects), *read_target(self.typed)


class DeleteMessages(_OnMessages):
    """Delete the marked messages, or the one under the cursor; their tasks will never run."""

    id = "message.delete"
    key = "D"
    title = "Delete"

    async def ask(self, fleet: Fleet, subjects: Sequence[MessageChoice]) -> Question | None:
        """Ask always, with what is lost."""
        messages = [choice.message for choice in subjects]
        chained = sum(bool(message.follows) for message in messages)
        tail = " What comes after them never runs either." if chained else ""
        return Question(
            title=f"Delete {counted(len(messages), 'message')} of {messages[0].queue}?",
            lines=describe_messages(messages, len(messages)),
            note=f"{'Its task' if len(messages) == 1 else 'Their tasks'} will never run.{tail}",
            yes="Delete",
        )

    async def run(self, fleet: Fleet, subjects: Sequence[MessageChoice]) -> ActionResult:
        """Delete them."""
        return await fleet.delete_messages(subjects[0].message.queue, _keys(subjects))


def _keys(subjects: Sequence[MessageChoice]) -> list[str]:
    return [choice.message.key for choice in subjects]
