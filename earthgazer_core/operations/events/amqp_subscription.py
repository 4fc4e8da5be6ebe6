"""A subscription to the events of a RabbitMQ broker: a queue of our own that goes with the connection."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.events.receiver import EventReceiver
from kombu import Consumer

from earthgazer_core.operations.amqp.link import open_link
from earthgazer_core.operations.events.envelope import events_in

_HEARTBEAT_S = 6
_MOST = 200
"""Messages that are read at a time: the store is told of them together."""


class AmqpSubscription:
    """One connection that consumes Celery's event exchange through an auto-delete queue.

    Events that nobody took in time, and the queue itself when it is left behind, expire as the app's
    configuration says (``event_queue_ttl``, ``event_queue_expires``).
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._connection: Any = None
        self._inbox: list[Any] = []
        self._is_alive = False
        self.is_behind = False
        self.is_drained = True

    def open(self) -> None:
        """Connect and subscribe.

        Raises:
            amqp.exceptions.AMQPError, OSError, kombu's OperationalError: the broker can't be reached.
        """
        self._connection = open_link(self._app, heartbeat_s=_HEARTBEAT_S)
        channel = self._connection.channel()
        # Bodies are decoded here, as they came.
        channel.auto_decode = False
        receiver: Any = EventReceiver(channel, app=self._app)
        Consumer(channel, [receiver.queue], no_ack=True, on_message=self._inbox.append).consume()

    def ping(self) -> None:
        """Send a heartbeat where one is due.

        Raises:
            amqp.exceptions.ConnectionForced: the broker has sent none for long.
        """
        self._connection.heartbeat_check()
        self._is_alive = True

    def read(self, timeout_s: float) -> list[Any] | None:
        """Return the messages that have come, None if nothing came within ``timeout_s``.

        Raises:
            amqp.exceptions.AMQPError, OSError: the connection is gone.
        """
        try:
            self._connection.drain_events(timeout=timeout_s)
            while len(self._inbox) < _MOST:
                self._connection.drain_events(timeout=0)
        except TimeoutError:
            pass
        self.is_behind = len(self._inbox) >= _MOST
        self.is_drained = not self.is_behind
        if not self._inbox:
            # An idle fleet sends nothing; that the broker is there is what the heartbeat says.
            is_alive, self._is_alive = self._is_alive, False
            return [] if is_alive else None
        # Emptied in place: the consumer goes on adding to this very list.
        found = list(self._inbox)
        self._inbox.clear()
        return found

    @staticmethod
    def events_of(message: Any) -> list[dict[str, Any]]:
        """Return the events of one message.

        Raises:
            ValueError: it is not JSON, or neither an event nor a list of events.
        """
        return events_in(message.content_type, message.body)

    def close(self) -> None:
        """Let go of the connection, and with it of the queue."""
        if self._connection is not None:
            self._connection.release()
