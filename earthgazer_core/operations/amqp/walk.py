"""Going through a RabbitMQ queue from its head; what isn't kept goes back to where it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from amqp.exceptions import AMQPError
from celery import Celery
from kombu.exceptions import KombuError

from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.amqp.envelope import raw_of
from earthgazer_core.operations.amqp.link import doubted, linked
from earthgazer_core.operations.queues.stored import Stored

MOST = 20_000
"""Messages that are held at a time: workers don't get them meanwhile."""
_COUNTED = "x-delivery-count"


@dataclass(frozen=True, slots=True)
class Held:
    """A message that is ours until it is acknowledged or the walk ends."""

    stored: Stored
    """What it is."""
    message: Any
    """As AMQP delivered it."""


class Walk:
    """Messages of one queue, taken from its head one after the other.

    Each is unacknowledged, so that no worker gets it. When the walk ends, or this process does, the
    broker puts all that were not acknowledged back to where they were, in their order.
    """

    def __init__(self, connection: Any, queue: str) -> None:
        self.connection = connection
        """Whose channel holds the messages."""
        self._channel = connection.channel()
        # Bodies are to be published again byte by byte.
        self._channel.auto_decode = False
        self._queue = queue
        self._position = 0
        self.unsettled = 0
        """Messages that were taken away, of which the broker has not confirmed that it knows."""

    def next(self, most: int) -> list[Held]:
        """Return so many of the next messages, fewer at the end.

        Raises:
            RefusedError: the queue counts each look as a delivery, and discards after some.
        """
        found: list[Held] = []
        while len(found) < most and (message := self._channel.basic_get(self._queue)) is not None:
            headers = message.properties.get("application_headers") or {}
            if _COUNTED in headers:
                raise RefusedError(quorum(self._queue))
            priority = message.properties.get("priority")
            stored = Stored(raw_of(message), self._queue, priority or 0, self._position)
            self._position += 1
            found.append(Held(stored, message))
        return found

    def discard(self, held: Held) -> None:
        """Take a message away, for good once that is settled."""
        self.unsettled += 1
        self._channel.basic_ack(held.message.delivery_info["delivery_tag"])

    def settle(self) -> None:
        """Wait until the broker has taken note of what was taken away."""
        if self.unsettled:
            # An acknowledgement has no answer, but what is asked after it is answered after it.
            self._channel.basic_qos(0, 0, False)
            self.unsettled = 0

    def close(self) -> None:
        """Give back what was not taken away."""
        self._channel.close()


@contextmanager
def walking(app: Celery, queue: str) -> Iterator[Walk]:
    """Yield a walk through a queue over a connection of its own.

    Raises:
        NotFoundError: there is no such queue.
        RefusedError: the broker refuses.
        ServiceUnavailableError: it is away.
        UnsureError: it went away before it confirmed what was taken away.
    """
    with linked(app) as connection:
        walk = Walk(connection, queue)
        try:
            yield walk
            walk.settle()
        except (AMQPError, KombuError, OSError):
            if not walk.unsettled:
                raise
            with doubted(f"{_counted(walk.unsettled)} may be gone, or back in {queue}"):
                raise
        # All is done: where the good-bye is lost, the broker gives back the rest with the connection.
        with suppress(AMQPError, KombuError, OSError):
            walk.close()


def _counted(n: int) -> str:
    return "one message" if n == 1 else f"up to {n} messages"


def quorum(queue: str) -> str:
    """Return why a quorum queue isn't looked into."""
    return (
        f"{queue} is a quorum queue: it counts each look at a message as a delivery, and discards the"
        " message after some; nothing was touched"
    )
