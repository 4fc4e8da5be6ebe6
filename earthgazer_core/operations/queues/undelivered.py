"""Messages that no binding led to a queue: kombu drops them, or puts them where the app says.

Celery sends to its own queues by name, which takes no binding. One to a named exchange takes it, and bindings
that an emptied Redis has lost come back only when a process declares its queues anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from celery import Celery

from earthgazer_core.db.session import Database
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.queues.broker import QueueBroker
from earthgazer_core.operations.queues.message import WaitingMessage
from earthgazer_core.operations.queues.move import move
from earthgazer_core.operations.queues.peek import peek

_MOST = 10_000


def addressee(app: Celery, bindings: Mapping[tuple[str, str], str], envelope: Mapping[str, Any]) -> str:
    """Return the queue that a message was for; empty where nobody can tell.

    Args:
        app: The fleet's app.
        bindings: Queues by (exchange, routing key), as the broker has them now.
        envelope: The message as the transport keeps it.
    """
    properties = envelope.get("properties")
    info = properties.get("delivery_info") if isinstance(properties, dict) else None
    if not isinstance(info, dict):
        return ""
    exchange, routing_key = (str(info.get(name) or "") for name in ("exchange", "routing_key"))
    if not exchange:
        return routing_key
    bound = bindings.get((exchange, routing_key))
    if bound is not None:
        return bound
    queues = app.amqp.queues
    return next(
        (
            name
            for name, queue in queues.items()
            if queue.exchange is not None
            and (queue.exchange.name, queue.routing_key) == (exchange, routing_key)
        ),
        "",
    )


def deliver(app: Celery, queue: str, *, database: Database | None = None, context: str | None = None) -> str:
    """Move what lies in a queue for nobody to the queues that it was for; return a line on what was done.

    Args:
        app: The fleet's app.
        queue: Where they lie.
        database: Where the audit is kept.
        context: Name of the fleet, for the audit.

    Raises:
        RefusedError: of none of them can be told where it was for.
        NotFoundError: there is no such queue.
        ServiceUnavailableError: the broker is away; what was moved stays moved.
    """
    broker = QueueBroker(app)
    try:
        broker.queue_names()
        found = peek(broker, queue, _MOST)
        ways: dict[str, list[WaitingMessage]] = {}
        for message in found:
            # What isn't a call of a task is no message that a worker could read anywhere.
            envelope = json.loads(message.raw) if message.name else {}
            to_queue = addressee(app, broker.bindings, envelope)
            ways.setdefault("" if to_queue == queue else to_queue, []).append(message)
        unknown = len(ways.pop("", ()))
        if not ways:
            raise RefusedError(f"{unknown} messages in {queue}: nobody can tell what queue they were for")
        words = [
            move(
                broker, messages, to_queue=name, also=tuple(ways), database=database, context=context
            ).summary
            for name, messages in ways.items()
        ]
    finally:
        broker.close()
    return "; ".join(
        [*words, f"{unknown} left: nobody can tell what queue they were for"] if unknown else words
    )
