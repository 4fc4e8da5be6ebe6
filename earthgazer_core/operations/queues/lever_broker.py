"""What the levers on queues need of a broker, and how to get one for an app."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from celery import Celery

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.operations.amqp.queue_broker import AmqpQueueBroker
from earthgazer_core.operations.broker import Message
from earthgazer_core.operations.brokers import AMQP, REDIS, Broker, kind_of, unread
from earthgazer_core.operations.queues.broker import QueueBroker
from earthgazer_core.operations.queues.stored import Shown, Stored
from earthgazer_core.recorder.describe import Describer
from earthgazer_core.recorder.redaction import Redactor


class Mover(Protocol):
    """Carries messages of one queue to another place; knows how far it has come."""

    moved: int
    """Messages that were moved."""
    gone: int
    """Messages that were no longer there."""
    unreadable: int
    """Messages left alone, since no worker could read them there either."""

    def check(self) -> None:
        """Check that there is such a place.

        Raises:
            InvalidInputError: it is where they are, or messages can't have the priority.
            NotFoundError: there is no such queue.
        """

    def carry_chosen(self, messages: Sequence[Stored]) -> None:
        """Carry these, each where it still is.

        Raises:
            UnsureError: an answer is lost; some more than were counted may have been moved.
        """

    def carry_all(self, from_priority: int | None, on_page: Callable[[int], None]) -> None:
        """Carry all that wait now, of one priority if it is named.

        ``on_page`` is told after each page how many there were at the start.

        Raises:
            UnsureError: as with :meth:`carry_chosen`.
        """


class LeverBroker(Broker, Protocol):
    """A broker whose queues can be changed; messages are known by their exact bytes."""

    redactor: Redactor
    """Says which arguments are hidden."""
    describer: Describer
    """Shows arguments as the flight recorder does."""

    def require(self, queue: str, also: Sequence[str] = ()) -> None:
        """Check that there is such a queue, or that it is named in ``also``.

        Raises:
            NotFoundError: there is none.
        """

    def connect(self) -> None:
        """Connect now rather than at the first question.

        Raises:
            ServiceUnavailableError: the broker is away.
        """

    def check_priority(self, priority: int, queue: str = "") -> None:
        """Check that messages (of a queue) can have this priority.

        Raises:
            InvalidInputError: they can't.
        """

    def depth(self, queue: str) -> int:
        """Return how many messages wait in a queue."""

    def waiting(self, queue: str, limit: int | None = None, offset: int = 0) -> Iterator[Stored]:
        """Yield the messages of a queue, the very next first."""

    def ranked(self, counts: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
        """Return (priority, messages), most urgent first; those in use and the first."""

    def holding(self) -> Iterator[Message]:
        """Yield the messages that workers hold.

        Raises:
            RefusedError: the broker doesn't show them.
        """

    def take(self, messages: Sequence[Stored]) -> Iterator[bool]:
        """Take these messages away; yield of each whether it was still there, as soon as that is known.

        Raises:
            UnsureError: an answer is lost; the next message may be gone too.
        """

    def look(self, queue: str, first: int) -> tuple[tuple[Stored, ...], Mapping[int, Shown]]:
        """Return the next messages of a queue, and by priority what was there with them."""

    def sweep(
        self, queue: str, shown: Mapping[int, Shown], on_page: Callable[[Sequence[bytes]], None]
    ) -> int:
        """Take away what was shown, by priority; tell of each page once it is gone.

        Returns the number of messages that are left because workers gave them back: nobody knows when.

        Raises:
            UnsureError: an answer is lost; a page more than was told of may be gone.
        """

    def mover(self, queue: str, to_queue: str, to_priority: int | None, also: Sequence[str]) -> Mover:
        """Return who carries messages from a queue to another place."""

    def marks(self) -> Mapping[str, bytes]:
        """Return what operators keep in the broker for each other, by queue."""

    def swap_mark(self, queue: str, before: bytes, after: bytes) -> bool:
        """Put a mark in the place of another (empty for none); return False where that isn't there."""


def lever_broker(
    app: Celery,
    redact: Iterable[str] | None = None,
    *,
    management_url: str | None = None,
    are_queues_configured: bool = True,
) -> LeverBroker:
    """Return an app's broker for looking into queues and changing them; nothing is connected yet.

    Args:
        app: The app.
        redact: Names of arguments to hide; None takes the recorder's own list.
        management_url: RabbitMQ's management API, where there is one.
        are_queues_configured: Whether the app's configuration names the fleet's queues.

    Raises:
        InvalidInputError: it speaks neither Redis nor AMQP.
    """
    kind = kind_of(app)
    if kind == REDIS:
        return QueueBroker(app, redact, are_queues_configured=are_queues_configured)
    if kind == AMQP:
        return AmqpQueueBroker(
            app, redact, management_url=management_url, are_queues_configured=are_queues_configured
        )
    raise InvalidInputError(unread(kind))
