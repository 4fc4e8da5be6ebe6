"""Looking into queues and at what workers hold of them; nothing is changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from earthgazer_core.operations.queues.lever_broker import LeverBroker
from earthgazer_core.operations.queues.message import WaitingMessage, read_message
from earthgazer_core.recorder.describe import parse_time
from earthgazer_core.recorder.redaction import MASK


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
    args: str = ""
    """Repr of its positional arguments as the publisher showed them; hidden where one of them is secret."""
    kwargs: str = ""
    """Repr of its named arguments likewise."""


def peek(broker: LeverBroker, queue: str, limit: int = 50, offset: int = 0) -> tuple[WaitingMessage, ...]:
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
    return tuple(read_message(broker, one) for one in broker.waiting(queue, limit, offset))


def find(broker: LeverBroker, queue: str, identity: str) -> tuple[WaitingMessage, ...]:
    """Return the messages of a queue with this task id or delivery tag, the next to run first.

    Raises:
        NotFoundError: there is no such queue.
        ServiceUnavailableError: the broker is away.
    """
    broker.require(queue)
    needle = json.dumps(identity)[1:-1].encode()
    return tuple(
        message
        for one in broker.waiting(queue)
        if needle in one.raw
        for message in (read_message(broker, one),)
        if identity in (message.task_id, message.delivery_tag)
    )


def held(
    broker: LeverBroker, queue: str, limit: int = 1_000, *, timeout_s: float | None = None
) -> tuple[HeldMessage, ...]:
    """Return the messages of a queue that workers hold, those held longest first.

    Args:
        broker: Where to look.
        queue: Its name.
        limit: At most so many.
        timeout_s: The visibility timeout that the workers told; by our own settings if None.

    Raises:
        NotFoundError: there is no such queue.
        RefusedError: the broker doesn't show them, as RabbitMQ.
        ServiceUnavailableError: the broker is away.
    """
    broker.require(queue)
    timeout_s = broker.visibility_timeout_s if timeout_s is None else timeout_s
    now = datetime.now(UTC)
    found = []
    for message in broker.holding():
        if message.queue != queue:
            continue
        eta = parse_time(message.headers.get("eta"))
        left_s = None if message.age_s is None else timeout_s - message.age_s
        found.append(
            HeldMessage(
                message.task_id, message.name, queue, message.age_s, eta, left_s,
                eta is not None and left_s is not None and eta > now + timedelta(seconds=left_s),
                *(
                    MASK if broker.redactor.mentions_secret(text) else text
                    for text in (message.args_repr, message.kwargs_repr)
                ),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda one: -(one.held_s or 0.0))[:limit])
