"""A worker that starts while a queue is paused doesn't consume it, and goes on with the others at its end."""

from __future__ import annotations

from contextlib import closing

from celery import Celery

from earthgazer_core.operations.queues.lever_broker import lever_broker
from earthgazer_core.operations.queues.marks import Consumer, mark_again, pauses


def heed_pauses(app: Celery, hostname: str) -> tuple[str, ...]:
    """Leave paused queues out of those that a worker is about to consume; return their names.

    To be called before the worker connects. It is put down among those to go on when the queue is resumed.

    Args:
        app: The worker's app.
        hostname: Its node name.

    Raises:
        InvalidInputError: the broker is of a kind where no pause can be kept.
        ServiceUnavailableError: the broker is away.
    """
    queues = app.amqp.queues
    with closing(lever_broker(app)) as broker:
        left_out = []
        for pause in pauses(broker):
            queue = queues.consume_from.get(pause.queue)
            if queue is None:
                continue
            exchange = queue.exchange
            consumer = Consumer(hostname, exchange.name, exchange.type, queue.routing_key)
            # Whoever resumes it from now on knows of this worker.
            if mark_again(broker, pause.queue, (consumer,)) is not None:
                left_out.append(pause.queue)
    queues.deselect(left_out)
    return tuple(left_out)
