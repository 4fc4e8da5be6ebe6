"""Looking into queues and at what workers hold of them; nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from earthgazer_core.operations.queues.broker import QueueBroker
from earthgazer_core.operations.queues.message import WaitingMessage, read_message
from earthgazer_core.recorder.describe import parse_time

PAGE = 500
"""Messages that are read at a time."""


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message that a worker holds: it runs, waits behind another, or waits for its time."""

    task_id: str
    """Celery's id."""
    name: str
    """Task name."""
    queue: str
    """Queue that it came from."""
    held_s: float | None
    """Seconds since it was delivered."""
    eta: datetime | None
    """Not to run before."""
    redelivered_in_s: float | None
    """Seconds until it is given to another worker; negative where that is overdue."""
    is_eta_too_far: bool
    """Whether it will be given to another worker before its time has come, and so run twice."""


def peek(broker: QueueBroker, queue: str, limit: int = 50, offset: int = 0) -> tuple[WaitingMessage, ...]:
    """Return the messages that are next in a queue, the very next first.

    Args:
        broker: The broker.
        queue: Name of a queue.
        limit: At most so many.
        offset: Messages to pass over, the next to run first.

    Raises:
        NotFoundError: there is no such queue.
        ServiceUnavailableError: the broker is away.
    """
    broker.require(queue)
    found: list[WaitingMessage] = []
    with broker.opened() as layout:
        skip, before = offset, 0
        for step, size in layout.sizes(queue):
            left = limit - len(found)
            if left > 0 and skip < size:
                # Workers take from the right end.
                raws = layout.client.lrange(layout.list_key(queue, step), -(skip + left), -(skip + 1))
                found += [
                    read_message(broker, raw, queue, step, before + skip + number)
                    for number, raw in enumerate(reversed(raws))
                ]
            skip = max(0, skip - size)
            before += size
    return tuple(found)


def find(broker: QueueBroker, queue: str, identity: str) -> tuple[WaitingMessage, ...]:
    """Return the messages of a queue with this task id or delivery tag, the next to run first.

    Raises:
        NotFoundError: there is no such queue.
        ServiceUnavailableError: the broker is away.
    """
    broker.require(queue)
    needle = json.dumps(identity)[1:-1].encode()
    return tuple(
        message
        for raw, step, position in _raws(broker, queue)
        if needle in raw
        for message in (read_message(broker, raw, queue, step, position),)
        if identity in (message.task_id, message.delivery_tag)
    )


def held(broker: QueueBroker, queue: str, limit: int = 1_000) -> tuple[HeldMessage, ...]:
    """Return the messages of a queue that workers hold, those held longest first.

    Raises:
        NotFoundError: there is no such queue.
        ServiceUnavailableError: the broker is away.
    """
    broker.require(queue)
    timeout_s = broker.visibility_timeout_s
    now = datetime.now(UTC)
    found = []
    for message in broker.messages(()):
        if message.queue != queue:
            continue
        eta = parse_time(message.headers.get("eta"))
        left_s = None if message.age_s is None else timeout_s - message.age_s
        found.append(
            HeldMessage(
                message.task_id, message.name, queue, message.age_s, eta, left_s,
                eta is not None and left_s is not None and eta > now + timedelta(seconds=left_s),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda one: -(one.held_s or 0.0))[:limit])


def _raws(broker: QueueBroker, queue: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield (message, step, position), the next to run first, page by page."""
    with broker.opened() as layout:
        position = 0
        for step in layout.steps:
            seen = 0
            while raws := layout.client.lrange(layout.list_key(queue, step), -(seen + PAGE), -(seen + 1)):
                for raw in reversed(raws):
                    yield raw, step, position
                    position += 1
                seen += len(raws)
