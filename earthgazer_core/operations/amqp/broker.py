"""What waits in a RabbitMQ broker: depths and consumers by passive declaration."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from amqp.exceptions import NotFound, ResourceLocked
from celery import Celery

from earthgazer_core.errors import EarthGazerError, InvalidInputError, ServiceUnavailableError
from earthgazer_core.operations.amqp.link import open_link, translated
from earthgazer_core.operations.amqp.management import Managed, ManagementApi
from earthgazer_core.operations.broker import BrokerSnapshot, QueueState

_ABSENT_S = 5.0
OWN_QUEUES = ("earthgazer.paused", "earthgazer.paused.lock")
"""Queues in which we keep what operators have to know of each other."""

T = TypeVar("T")


class AmqpBroker:
    """Reads one RabbitMQ broker; the only thing that has to be there is AMQP.

    AMQP lists no queues: those of the app's configuration are known, those that callers name, and all
    of them where the management API answers, which alone tells what workers hold.
    """

    def __init__(
        self, app: Celery, *, management_url: str | None = None, are_queues_configured: bool = True
    ) -> None:
        """Take an app; nothing is connected yet.

        Args:
            app: The fleet's app, or one with the same broker.
            management_url: The management API, user and password included.
            are_queues_configured: Whether the app's configuration names the fleet's queues.

        Raises:
            InvalidInputError: its broker doesn't speak AMQP.
        """
        self._app = app
        wanted: Any = app.connection_for_read()
        if wanted.transport.driver_type != "amqp":
            raise InvalidInputError(f"not an AMQP broker but {wanted.transport.driver_type}")
        self.management = ManagementApi(management_url, wanted.virtual_host or "/")
        self._are_queues_configured = are_queues_configured
        self._connection: Any = None
        self._channel: Any = None
        self._absent: dict[str, float] = {}

    @property
    def visibility_timeout_s(self) -> float:
        """Infinite: a message goes to another worker when its worker's connection ends, at no age."""
        return math.inf

    def queue_names(self, also: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the queues that are configured, in the management API or named in ``also``, sorted."""
        configured = self._app.amqp.queues if self._are_queues_configured else ()
        managed = (
            queue.name
            for queue in self.management.look().queues.values()
            if not (queue.is_exclusive or self._is_internal(queue.name))
        )
        return tuple(sorted({*configured, *managed, *also}))

    def snapshot(self, names: Sequence[str], consumers: Mapping[str, int] | None = None) -> BrokerSnapshot:
        """Return the state of these queues; the broker itself counts consumers.

        A queue that doesn't exist (yet) is empty and has none, but for those that ``consumers`` names.
        """
        managed = self.management.look()
        counted = self._asked(lambda: self._counts(names))
        states = tuple(
            self._state(name, counted[name], managed, (consumers or {}).get(name, 0)) for name in names
        )
        held = [queue.unacked for queue in managed.queues.values() if queue.unacked is not None]
        return BrokerSnapshot(
            at=datetime.now(UTC),
            queues=states,
            unacked=sum(held) if managed.queues else None,
            visibility_timeout_s=math.inf,
            unacked_reason=managed.reason,
        )

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            connection.release()

    def _state(self, name: str, counted: tuple[int, int] | None, managed: Managed, told: int) -> QueueState:
        depth, consumers = counted or (0, told)
        known = managed.queues.get(name)
        return QueueState(
            name=name,
            depth=depth,
            by_priority=known.by_priority if known is not None and depth else (),
            unacked=known.unacked if known is not None else None,
            oldest_unacked_s=None,
            consumers=consumers,
        )

    def _asked(self, question: Callable[[], T]) -> T:
        """Return an answer over the connection that is kept, or over a new one where that has died."""
        was_kept = self._connection is not None
        try:
            with translated():
                return question()
        except EarthGazerError as error:
            self.close()
            if not (was_kept and isinstance(error, ServiceUnavailableError)):
                raise
        with translated():
            return question()

    def _counts(self, names: Sequence[str]) -> dict[str, tuple[int, int] | None]:
        counted = {name: self._count(name) for name in names}
        if not any(counted.values()):
            # Nothing had to be asked: that the broker is there is known only from an answer.
            self._open().basic_qos(0, 0, False)
        return counted

    def _count(self, name: str) -> tuple[int, int] | None:
        """Return (messages, consumers) of a queue; None where it doesn't exist or isn't to be seen."""
        now = time.monotonic()
        # Asking for what isn't there costs a channel, and a line in the broker's log.
        if now < self._absent.get(name, 0.0):
            return None
        channel = self._open()
        try:
            told = channel.queue_declare(queue=name, passive=True)
        except (NotFound, ResourceLocked):
            self._channel = None
            self._absent[name] = now + _ABSENT_S
            return None
        return told.message_count, told.consumer_count

    def _connected(self) -> Any:
        if self._connection is None:
            self._connection = open_link(self._app)
        return self._connection

    def _open(self) -> Any:
        if self._channel is None:
            self._channel = self._connected().channel()
        return self._channel

    def _is_internal(self, name: str) -> bool:
        conf = self._app.conf
        return (
            name in OWN_QUEUES
            or name.startswith(("amq.", f"{conf.event_queue_prefix}."))
            or name.endswith(f".{conf.control_exchange}.pidbox")
        )
