"""What listens to a fleet's events: one connection, for one thread."""

from __future__ import annotations

from typing import Any, Protocol

import amqp.exceptions
import hiredis
import kombu.exceptions
import redis.exceptions
from celery import Celery

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.operations.brokers import AMQP, REDIS, kind_of
from earthgazer_core.operations.events.amqp_subscription import AmqpSubscription
from earthgazer_core.operations.events.redis_subscription import RedisSubscription

LINK_ERRORS = (
    OSError,
    redis.exceptions.RedisError,
    hiredis.HiredisError,
    kombu.exceptions.OperationalError,
    amqp.exceptions.AMQPError,
)
"""What a broker that is away raises."""


class Subscription(Protocol):
    """A subscription to the events of a fleet, for one thread."""

    is_behind: bool
    """Whether much had been waiting for us at the last read, rather than we for it."""
    is_drained: bool
    """Whether the last read left nothing with the broker, as far as we can tell."""

    def open(self) -> None:
        """Connect and subscribe; raises one of :data:`LINK_ERRORS`."""

    def ping(self) -> None:
        """Ask for a sign of life, which :meth:`read` returns as an empty list."""

    def read(self, timeout_s: float) -> list[Any] | None:
        """Return what has come, None if nothing came in time."""

    def events_of(self, payload: Any) -> list[dict[str, Any]]:
        """Return the events of one thing read; raises ValueError for what can't be read."""

    def close(self) -> None:
        """Let go of the connection."""


def subscription_of(app: Celery) -> Subscription:
    """Return what listens to the events of an app's broker; nothing is connected yet.

    Raises:
        InvalidInputError: the broker speaks neither Redis nor AMQP.
    """
    kind = kind_of(app)
    if kind == REDIS:
        return RedisSubscription(app)
    if kind == AMQP:
        return AmqpSubscription(app)
    raise InvalidInputError(f"events can only be heard from a Redis or RabbitMQ broker, not {kind}")
