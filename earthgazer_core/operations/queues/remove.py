"""Taking single messages out of a queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earthgazer_core.db.session import Database
from earthgazer_core.errors import NotFoundError, ServiceUnavailableError, UnsureError
from earthgazer_core.operations.noted import begun, noted
from earthgazer_core.operations.queues.lever_broker import LeverBroker
from earthgazer_core.operations.queues.message import WaitingMessage
from earthgazer_core.operations.queues.record import note_removed

_MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of a wish to remove messages."""

    removed: tuple[WaitingMessage, ...]
    """Those that are gone for good."""
    gone: tuple[WaitingMessage, ...]
    """Those that were no longer there: a worker or another operator took them."""

    @property
    def summary(self) -> str:
        """One line."""
        words = f"{len(self.removed)} removed"
        return f"{words}, {len(self.gone)} had gone before" if self.gone else words


def remove(
    broker: LeverBroker,
    messages: Sequence[WaitingMessage],
    *,
    database: Database | None = None,
    context: str | None = None,
) -> Removed:
    """Take exactly these messages out of their queues, each where it still is at that moment.

    Of two equal messages one is removed. Doing it again finds nothing.

    Args:
        broker: The broker.
        messages: As peeked at.
        database: Where the audit and the flight recorder are kept.
        context: Name of the fleet, for the audit.

    Raises:
        NotFoundError: none of them was there any more; nothing was changed.
        RefusedError: the broker refuses.
        ServiceUnavailableError: the broker is away; the message says how many were removed before.
        UnsureError: the broker's answer is lost, or the database is away after it was done.
    """
    queues = sorted({message.queue for message in messages})
    named = [message.task_id for message in messages[:_MOST_NAMED]]
    with noted(database, "queue.remove", {"queue": ", ".join(queues), "task_ids": named}, context) as note:
        removed: list[WaitingMessage] = []
        gone: list[WaitingMessage] = []
        try:
            were_there = broker.take([message.stored for message in messages])
            for message, was_there in zip(messages, were_there, strict=True):
                (removed if was_there else gone).append(message)
        except ServiceUnavailableError as error:
            note.detail |= {"removed": len(removed), "gone": len(gone)}
            told = _interrupted(error, messages[len(removed) + len(gone)], len(removed))
            with begun(told):
                note_removed(database, [one.headers for one in removed], "removed")
            raise type(error)(told) from error
        note.detail |= {"removed": len(removed), "gone": len(gone)}
        with begun(f"{len(removed)} removed, which the record doesn't know"):
            note_removed(database, [one.headers for one in removed], "removed")
        if messages and not removed:
            raise NotFoundError(
                f"{_words(messages)} no longer in {', '.join(queues)}: taken by a worker or another operator"
            )
    return Removed(tuple(removed), tuple(gone))


def _interrupted(error: ServiceUnavailableError, message: WaitingMessage, removed: int) -> str:
    if not isinstance(error, UnsureError):
        return f"{removed} removed before: {error}" if removed else str(error)
    named = message.task_id or message.delivery_tag
    return (
        f"{removed} removed; {error}. Look whether {named} is still in {message.queue}; a task that is gone"
        " from there and awaited by the record is published again by the reconciler"
    )


def _words(messages: Sequence[WaitingMessage]) -> str:
    if len(messages) == 1:
        return f"message {messages[0].task_id or messages[0].delivery_tag} is"
    return f"{len(messages)} messages are"
