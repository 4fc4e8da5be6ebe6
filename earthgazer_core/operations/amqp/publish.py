"""Publishing a message to a queue so that it is surely there."""

from __future__ import annotations

from typing import Any

from amqp import Message
from amqp.exceptions import ChannelError

from earthgazer_core.errors import RefusedError


class SurePublisher:
    """Publishes to queues by name; returns once the broker has taken the message over."""

    def __init__(self, connection: Any) -> None:
        self._channel = connection.channel()

    def publish(self, body: Any, queue: str, **properties: Any) -> None:
        """Publish a message and wait for the broker's word.

        Raises:
            RefusedError: there is no such queue.
            amqp.exceptions.MessageNacked: the queue is full.
        """
        try:
            self._channel.basic_publish_confirm(
                Message(body, **properties), exchange="", routing_key=queue, mandatory=True
            )
        except ChannelError as error:
            # Its confirmation comes after the refusal: the channel would take it for the next one's.
            self._channel.close()
            raise RefusedError(f"the broker takes no message for {queue}: {error}") from error

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()
