"""Moving messages to another queue or priority: none is lost, and on Redis none is doubled either."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from earthgazer_core.db.session import Database
from earthgazer_core.errors import InvalidInputError, NotFoundError, ServiceUnavailableError, UnsureError
from earthgazer_core.operations.noted import Note, noted
from earthgazer_core.operations.queues.lever_broker import LeverBroker, Mover
from earthgazer_core.operations.queues.message import WaitingMessage

_MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a wish to move messages."""

    queue: str
    """Where they were."""
    to_queue: str
    """Where they are."""
    to_priority: int | None
    """Their new priority; None leaves each its own."""
    moved: int
    """Messages that were moved."""
    gone: int
    """Messages that were no longer there: a worker or another operator took them."""
    unreadable: int
    """Messages left alone, since no worker could read them there either."""

    @property
    def summary(self) -> str:
        """One line."""
        words = f"{self.moved} moved from {self.queue} to {self.to_queue}"
        if self.to_priority is not None:
            words += f" at priority {self.to_priority}"
        if self.gone:
            words += f", {self.gone} had gone before"
        return f"{words}, {self.unreadable} unreadable left" if self.unreadable else words


def move(
    broker: LeverBroker,
    messages: Sequence[WaitingMessage],
    *,
    to_queue: str | None = None,
    to_priority: int | None = None,
    also: Sequence[str] = (),
    database: Database | None = None,
    context: str | None = None,
) -> Moved:
    """Move these messages of one queue, each where it still is at that moment.

    They join the back of where they go, in the order they are given. On Redis what tells of their way
    is rewritten, so that a worker that takes one there and gives it back gives it back there. On
    RabbitMQ each is published and confirmed before it is taken away: should this process end between
    the two, that one message is in both places.

    Args:
        broker: The broker.
        messages: As peeked at, all of one queue.
        to_queue: Another queue; None stays.
        to_priority: Another priority, on Redis 0 (first) to 9 (last), on RabbitMQ 0 (last) up to what the
            queue was declared with; None leaves each its own.
        also: Queues that exist because a worker consumes them.
        database: Where the audit is kept.
        context: Name of the fleet, for the audit.

    Raises:
        InvalidInputError: no or no other place is named, or the messages are of several queues.
        NotFoundError: there is no such target, or none of the messages was there any more.
        RefusedError: the broker refuses.
        ServiceUnavailableError: the broker is away; what was moved stays moved, the rest where it was.
        UnsureError: its answer is lost; each message is where it was or where it was to go.
    """
    queues = {message.queue for message in messages}
    if len(queues) != 1:
        raise InvalidInputError(f"messages of {len(queues)} queues: expected one")
    [queue] = queues
    mover = broker.mover(queue, to_queue or queue, to_priority, also)
    target = {
        **_target(queue, to_queue, to_priority),
        "task_ids": [message.task_id for message in messages[:_MOST_NAMED]],
    }
    with noted(database, "queue.move", target, context) as note:
        mover.check()
        with _carrying(mover, note, queue, to_queue or queue):
            mover.carry_chosen([message.stored for message in messages])
        if not mover.moved and mover.gone:
            raise NotFoundError(f"{mover.gone} messages are no longer in {queue}: taken by workers")
    return _result(mover, queue, to_queue, to_priority)


def move_all(
    broker: LeverBroker,
    queue: str,
    *,
    to_queue: str | None = None,
    to_priority: int | None = None,
    from_priority: int | None = None,
    also: Sequence[str] = (),
    database: Database | None = None,
    context: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Moved:
    """Move all messages that wait in a queue now, the next to run first; see :func:`move`.

    Should this process end half way, calling it again moves the rest.

    Args:
        broker: The broker.
        queue: Where they are.
        to_queue: Another queue; None stays.
        to_priority: Another priority; None leaves each its own.
        from_priority: Only messages of this priority step.
        also: Queues that exist because a worker consumes them.
        database: Where the audit is kept.
        context: Name of the fleet, for the audit.
        on_progress: Told of (moved so far, there at the start) after each page.

    Raises:
        InvalidInputError: no or no other place is named.
        NotFoundError: there is no such queue or target.
        RefusedError: the broker refuses.
        ServiceUnavailableError: the broker is away; calling it again moves the rest.
        UnsureError: its answer is lost; likewise.
    """
    mover = broker.mover(queue, to_queue or queue, to_priority, also)

    def on_page(total: int) -> None:
        if on_progress is not None:
            on_progress(mover.moved, total)

    target = {**_target(queue, to_queue, to_priority), "all": True}
    with noted(database, "queue.move", target, context) as note:
        broker.require(queue, also)
        mover.check()
        with _carrying(mover, note, queue, to_queue or queue):
            mover.carry_all(from_priority, on_page)
    return _result(mover, queue, to_queue, to_priority)


def _target(queue: str, to_queue: str | None, to_priority: int | None) -> dict[str, Any]:
    return {"queue": queue, "to_queue": to_queue or queue, "to_priority": to_priority}


@contextmanager
def _carrying(mover: Mover, note: Note, queue: str, to_queue: str) -> Iterator[None]:
    """Say how far it has come, however it ends."""
    try:
        yield
    except UnsureError as error:
        raise UnsureError(
            f"{mover.moved} moved; {error}. Look into {queue} and {to_queue}: moving again takes only what"
            f" is still in {queue}"
        ) from error
    except ServiceUnavailableError as error:
        if not mover.moved:
            raise
        raise ServiceUnavailableError(f"{mover.moved} moved before: {error}") from error
    finally:
        note.detail |= {"moved": mover.moved, "gone": mover.gone, "unreadable": mover.unreadable}


def _result(mover: Mover, queue: str, to_queue: str | None, to_priority: int | None) -> Moved:
    return Moved(queue, to_queue or queue, to_priority, mover.moved, mover.gone, mover.unreadable)
