"""What can be seen of a RabbitMQ broker: its queues, the next messages of each, and pauses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from earthgazer_core.errors import NotFoundError, RefusedError
from earthgazer_core.operations.broker import Message
from earthgazer_core.operations.doctor.observations import BrokerSeen, Pause, ServerSeen, WorkerSeen
from earthgazer_core.operations.doctor.see_task import Place
from earthgazer_core.operations.queues.lever_broker import LeverBroker
from earthgazer_core.operations.queues.marks import pauses
from earthgazer_core.operations.queues.message import headers_of
from earthgazer_core.operations.queues.stored import Stored

_PEEK = 200


def see_amqp(broker: LeverBroker, workers: Iterable[WorkerSeen]) -> BrokerSeen:
    """Return the broker after workers were asked.

    Raises:
        ServiceUnavailableError: it is away.
        RefusedError: it refuses.
    """
    consumers = Counter(queue for worker in workers for queue in worker.report.queues)
    snapshot = broker.snapshot(broker.queue_names(also=consumers), consumers)
    waiting = [
        message for queue in snapshot.queues if queue.depth for message in _waiting(broker, queue.name, _PEEK)
    ]
    kept = tuple(
        Pause(one.queue, one.who, one.at, tuple(consumer.worker for consumer in one.consumers))
        for one in pauses(broker)
        if not one.is_ending
    )
    return BrokerSeen(snapshot, tuple(waiting), (), _SERVER, kept)


def find_waiting(broker: LeverBroker, task_id: str) -> Place | None:
    """Return where the message of a task waits; goes through all queues.

    One that a worker holds isn't found: the broker doesn't show it.
    """
    for queue in broker.queue_names():
        for ahead, message in enumerate(_waiting(broker, queue, None)):
            if message.task_id == task_id:
                return Place(message, ahead)
    return None


def _waiting(broker: LeverBroker, queue: str, limit: int | None) -> Iterator[Message]:
    try:
        yield from map(_message, broker.waiting(queue, limit))
    except (NotFoundError, RefusedError):
        # Declared by nobody as yet, or a quorum queue, which counts looks.
        return


def _message(stored: Stored) -> Message:
    headers = headers_of(stored.raw)
    return Message(
        task_id=str(headers.get("id") or ""),
        name=str(headers.get("task") or ""),
        queue=stored.queue,
        priority=stored.priority,
        where="queue",
        age_s=None,
        args_repr=str(headers.get("argsrepr") or ""),
        kwargs_repr=str(headers.get("kwargsrepr") or ""),
        headers=headers,
    )


_SERVER = ServerSeen(
    used_bytes=0, limit_bytes=0, machine_bytes=0, policy="", is_persistent=None, write_errors=(),
    cut_subscribers=0, skew_s=0.0, listeners=0, bound_workers=(), orphan_replies=(),
)  # fmt: skip
"""AMQP tells nothing of the server itself, so no check finds fault with it."""
