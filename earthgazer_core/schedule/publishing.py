"""Sending a schedule entry's task, and recognising one that was sent before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from celery import Celery
from kombu import Connection, Producer
from kombu.exceptions import OperationalError

from earthgazer_core.db.tables import ScheduleEntryRow
from earthgazer_core.errors import InvalidInputError, ServiceUnavailableError
from earthgazer_core.operations.broker import RedisBroker

_CONNECT_S = 5
_ANSWER_S = 10


class BrokerAwayError(ServiceUnavailableError):
    """The broker can't be reached or takes no messages now."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Sends on one connection, which is known to have worked."""

    app: Celery
    """The app whose tasks are sent."""
    connection: Connection
    """The connection."""
    producer: Producer
    """Where to."""

    def send(self, entry: ScheduleEntryRow, task_id: str) -> None:
        """Send an entry's task.

        Raises:
            BrokerAwayError: it can't be reached; whether it has the message is not known.
        """
        headers = {**entry.options.get("headers", {}), "celery_beat_task": True}
        options = {**entry.options, "headers": headers, "task_id": task_id, "retry": False}
        with _translated(self.connection):
            self.app.send_task(entry.task, entry.args, entry.kwargs, producer=self.producer, **options)

    def knows(self, task_id: str) -> bool:
        """Whether broker or result backend have seen a task of this id.

        Raises:
            BrokerAwayError: they can't be asked.
        """
        # In this order, in which a message moves: it can't slip by.
        return self._is_in_queue(task_id) or self._has_result(task_id)

    def _is_in_queue(self, task_id: str) -> bool:
        try:
            broker = RedisBroker(self.app)
        except InvalidInputError:
            return False  # another kind of broker doesn't show its messages
        try:
            return broker.find(task_id) is not None
        except ServiceUnavailableError as error:
            raise BrokerAwayError(str(error)) from error
        finally:
            broker.close()

    def _has_result(self, task_id: str) -> bool:
        backend: Any = self.app.backend
        with _translated(self.connection):
            return bool(backend.get_task_meta(task_id)["status"] != "PENDING")


@contextmanager
def publishing(app: Celery) -> Iterator[Publisher]:
    """Yield a publisher.

    Raises:
        BrokerAwayError: the broker can't be reached.
    """
    with app.connection_for_write() as connection:
        if connection.transport.driver_type == "redis":
            # Without limits, a broker that accepts connections and says nothing would hold us for ever.
            options: dict[str, Any] = connection.transport_options  # type: ignore[assignment]
            options.setdefault("socket_connect_timeout", _CONNECT_S)
            options.setdefault("socket_timeout", _ANSWER_S)
        with _translated(connection):
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=_CONNECT_S)
            producer = app.amqp.Producer(connection, auto_declare=False)
        with producer:
            yield Publisher(app, connection, producer)


@contextmanager
def _translated(connection: Connection) -> Iterator[None]:
    away: tuple[type[BaseException], ...] = (OperationalError, *connection.connection_errors)
    if connection.transport.driver_type == "redis":
        # Redis tells so that its memory is full or that it is a replica; elsewhere it is the message's fault.
        away += tuple(connection.channel_errors)
    try:
        yield
    except away as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise BrokerAwayError(f"broker unavailable: {reason}") from error
