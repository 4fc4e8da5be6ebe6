"""What every broker tells of its queues, whatever it speaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from celery import Celery

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.operations.amqp.broker import AmqpBroker
from earthgazer_core.operations.broker import BrokerSnapshot, RedisBroker

REDIS, AMQP = "redis", "amqp"


class Broker(Protocol):
    """Reads the queues of one broker; errors are ours."""

    @property
    def visibility_timeout_s(self) -> float:
        """Age at which an unacknowledged message is given to another worker; infinite where none is."""

    def queue_names(self, also: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the queues that are known or named in ``also``, sorted."""

    def snapshot(self, names: Sequence[str], consumers: Mapping[str, int] | None = None) -> BrokerSnapshot:
        """Return the state of these queues; ``consumers`` maps names to numbers of workers."""

    def close(self) -> None:
        """Close the connection."""


def broker_of(app: Celery, *, management_url: str | None = None) -> Broker:
    """Return the reader of an app's broker; nothing is connected yet.

    Args:
        app: The app.
        management_url: RabbitMQ's management API, where there is one.

    Raises:
        InvalidInputError: it speaks neither Redis nor AMQP.
    """
    kind = kind_of(app)
    if kind == REDIS:
        return RedisBroker(app)
    if kind == AMQP:
        return AmqpBroker(app, management_url=management_url)
    raise InvalidInputError(unread(kind))


def kind_of(app: Celery) -> str:
    """Return what an app's broker speaks: ``redis``, ``amqp`` or another word of kombu's."""
    return str(app.connection_for_read().transport.driver_type)


def unread(kind: str) -> str:
    """Return why a kind of broker can't be looked into."""
    return f"queues can only be read from a Redis or RabbitMQ broker, not {kind}"
