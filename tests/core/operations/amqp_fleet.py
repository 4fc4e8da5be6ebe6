"""The foreign app on RabbitMQ, its results in Redis."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from amqp import Message
from kombu import Connection

from earthgazer_core.db.session import Database
from earthgazer_core.operations.amqp.queue_broker import AmqpQueueBroker
from earthgazer_core.operations.queues.lever_broker import lever_broker
from tests.core.operations.tuned_fleet import TunedFleet
from tests.core.recorder.foreign_app import ForeignConfig


@contextmanager
def plain_channel(url: str) -> Iterator[Any]:
    """Yield a channel of plain AMQP; what it holds goes back at the end."""
    with Connection(url) as connection, connection.channel() as channel:
        yield channel


class AmqpFleet(TunedFleet):
    """The foreign app whose queues are RabbitMQ's."""

    management_url: str | None = None

    @cached_property
    def broker(self) -> AmqpQueueBroker:  # type: ignore[override]
        """The broker as operators have it."""
        broker = lever_broker(self.app, management_url=self.management_url)
        assert isinstance(broker, AmqpQueueBroker)
        return broker

    def flood(self, count: int, *, queue: str = "steps", step: int = 0) -> list[str]:
        """Put many copies of one real message into a queue, each with an id of its own; return the ids."""
        self.send(0, queue=queue)
        ids = [str(uuid.uuid4()) for _ in range(count)]
        with plain_channel(self.config.broker_url) as channel:
            model = channel.basic_get(queue, no_ack=True)
            for task_id in ids:
                properties = {**model.properties, "priority": step}
                properties["application_headers"] = {**model.headers, "id": task_id}
                channel.basic_publish(Message(model.body, **properties), routing_key=queue)
        return ids

    def waiting(self, queue: str = "steps") -> list[str]:
        """Return the ids in a queue, the next to run first, by plain AMQP; all are given back."""
        with plain_channel(self.config.broker_url) as channel:
            found = []
            while (message := channel.basic_get(queue)) is not None:
                found.append(str(message.headers["id"]))
        return found


@contextmanager
def amqp_fleet(config: ForeignConfig, database: Database) -> Iterator[AmqpFleet]:
    fleet = AmqpFleet(config, database)
    # Its queues are declared so by whoever publishes or consumes first.
    fleet.configure(task_queue_max_priority=10)
    try:
        yield fleet
    finally:
        fleet.close()
