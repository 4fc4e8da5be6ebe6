"""Commands to workers, and their answers as they come in.

Celery's own ``inspect`` waits its whole timeout unless told whom to expect; this ends with the last
expected answer. One mailbox is used again and again, and leaves nothing in the broker.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

from celery import Celery
from kombu import Consumer, Producer, Queue
from kombu.exceptions import KombuError, SerializationError

from earthgazer_core.errors import ServiceUnavailableError, UnsureError
from earthgazer_core.operations.reasons import reason_of

logger = logging.getLogger(__name__)

_NEVER_S = 1e11
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What one worker said."""

    worker: str
    """Node name, ``cpu1@host``."""
    value: Any
    """What it said, as Celery sends it."""
    elapsed_s: float
    """Seconds from the question to this answer."""

    @property
    def is_ok(self) -> bool:
        """Whether it did as asked."""
        return not (isinstance(self.value, Mapping) and "error" in self.value)

    @property
    def text(self) -> str:
        """Its words in one line."""
        if isinstance(self.value, Mapping) and len(self.value) == 1:
            for key in ("ok", "error"):
                if key in self.value:
                    return str(self.value[key])
        return str(self.value)


@dataclass(frozen=True, slots=True)
class Answers:
    """All that was said in time."""

    answers: tuple[Answer, ...]
    """In order of arrival."""
    silent: tuple[str, ...]
    """Workers that were expected to answer and did not."""

    @property
    def values(self) -> dict[str, Any]:
        """What was said, by worker."""
        return {answer.worker: answer.value for answer in self.answers}

    @property
    def is_ok(self) -> bool:
        """Whether somebody answered, nobody refused and nobody was silent."""
        return bool(self.answers) and not self.silent and all(answer.is_ok for answer in self.answers)


Command = tuple[str, Mapping[str, Any]]
"""A remote-control command and its arguments."""
OnAnswer = Callable[[str, Answer], None]
"""Called with the command and each answer at the moment it comes in, on the asking thread."""


class Mailbox:
    """Asks workers; usable from any thread, one question at a time."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._lock = Lock()
        self._oid = str(uuid.uuid4())
        self._connection: Any = None
        self._consumer: Any = None
        self._queue: Any = None
        self._inbox: list[tuple[str | None, Any]] = []

    def ask(
        self,
        command: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        destination: Sequence[str] | None = None,
        expected: Iterable[str] | None = None,
        timeout_s: float = 1.0,
        on_answer: Callable[[Answer], None] | None = None,
    ) -> Answers:
        """Send one command and return its answers; see :meth:`ask_many`."""
        listener = None if on_answer is None else lambda _, answer: on_answer(answer)
        return self.ask_many(
            [(command, arguments or {})],
            destination=destination,
            expected=expected,
            timeout_s=timeout_s,
            on_answer=listener,
        )[command]

    def ask_many(
        self,
        commands: Sequence[Command],
        *,
        destination: Sequence[str] | None = None,
        expected: Iterable[str] | None = None,
        timeout_s: float = 1.0,
        on_answer: OnAnswer | None = None,
    ) -> dict[str, Answers]:
        """Send commands in one go and return the answers to each by its name.

        Args:
            commands: What to ask; every name once.
            destination: Workers to ask; all of them if None.
            expected: Workers known to exist. When each has answered, nothing is waited for any more.
                None or empty means the destination, or without one, everybody who answers in the whole time.
            timeout_s: Longest time to wait, over all commands together.
            on_answer: Told of each answer at once.

        Raises:
            ServiceUnavailableError: the broker is away.
        """
        exchange = _Exchange(set(expected or destination or ()), timeout_s, on_answer)
        unsent = deque(commands)
        with self._lock, self._translated(exchange):
            # A connection that was kept through a restart of the broker fails once.
            for is_last_try in (False, True) if self._connection is not None else (True,):
                try:
                    self._open()
                    while unsent:
                        # Before it is sent, since an answer of the broker that is lost says nothing of what
                        # became of it: a pool that is told to grow twice grows by two.
                        command, arguments = unsent.popleft()
                        ticket = exchange.note(command)
                        self._send(ticket, command, arguments, destination, timeout_s)
                    self._collect(exchange)
                    break
                except self._errors():
                    self._drop()
                    if is_last_try:
                        raise
        return exchange.answers

    def close(self) -> None:
        """Delete the list of replies and close the connection."""
        with self._lock:
            if self._connection is None:
                return
            try:
                self._consumer.cancel()
                self._queue.delete()
            except self._errors():
                # With the broker gone there is nothing to delete.
                self._drop()
                return
            self._drop()

    def _collect(self, exchange: _Exchange) -> None:
        while not exchange.is_over and (left_s := exchange.left_s) > 0:
            try:
                self._connection.drain_events(timeout=left_s)
            except TimeoutError:
                break
            except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
                # Kombu has taken it from the list by then, and could make no message of it.
                logger.warning("an answer can't be read: %s", type(error).__name__)
            inbox, self._inbox[:] = list(self._inbox), []
            for ticket, body in inbox:
                exchange.hear(ticket, body)

    def _send(
        self,
        ticket: str,
        command: str,
        arguments: Mapping[str, Any],
        destination: Sequence[str] | None,
        timeout_s: float,
    ) -> None:
        control: Any = self._app.control.mailbox  # type: ignore[attr-defined]
        message = {
            "method": command,
            "arguments": dict(arguments),
            "destination": None if destination is None else list(destination),
            "pattern": None,
            "matcher": None,
            "ticket": ticket,
            "reply_to": {"exchange": control.reply_exchange.name, "routing_key": self._oid},
        }
        self._producer.publish(
            message,
            exchange=control.exchange.name,
            declare=[control.exchange],
            headers={"clock": control.clock.forward(), "expires": time.time() + timeout_s},
            serializer="json",
        )

    def _open(self) -> None:
        if self._connection is None:
            connection = self._app.connection_for_write(connect_timeout=_PATIENCE_S)
            kind = connection.transport.driver_type
            if kind == "redis":
                # Whoever consumes gives back messages that are held for too long, by their own idea of that.
                # Workers know theirs; one who only asks must give back nothing.
                # A command is sent once, whatever the fleet's own options say of trying again.
                connection.transport_options = {
                    **(connection.transport_options or {}),
                    "visibility_timeout": _NEVER_S,
                    "retry_on_timeout": False,
                }
            elif kind == "amqp":
                # Without limits, a broker that accepts connections and says nothing would hold us for ever.
                connection.transport_options = {
                    **(connection.transport_options or {}),
                    "read_timeout": _PATIENCE_S,
                    "write_timeout": _PATIENCE_S,
                }
            try:
                # Not ``connect()``, which tries twice with seconds in between.
                connection.ensure_connection(max_retries=1, interval_start=0, reraise_as_library_errors=False)
                channel = connection.channel()
            except BaseException:
                connection.collect()
                raise
            control: Any = self._app.control.mailbox  # type: ignore[attr-defined]
            self._producer = Producer(channel, auto_declare=False)
            self._queue = Queue(
                f"{self._oid}.{control.reply_exchange.name}",
                exchange=control.reply_exchange,
                routing_key=self._oid,
                durable=False,
                auto_delete=True,
                expires=control.reply_queue_expires,
            )(channel)
            self._consumer = Consumer(
                channel, [self._queue], no_ack=True, accept=["json"], on_message=self._receive
            )
            self._consumer.consume()
            self._connection = connection
        else:
            # Workers forget a binding that expired while nobody asked anything.
            self._queue.declare()

    def _receive(self, message: Any) -> None:
        try:
            self._inbox.append(((message.headers or {}).get("ticket"), message.payload))
        except (SerializationError, AttributeError, TypeError, RecursionError) as error:
            # Anybody may put anything into the list: that is no answer, and no outage of the broker.
            logger.warning("an answer can't be read: %s", type(error).__name__)

    def _drop(self) -> None:
        connection, self._connection, self._consumer = self._connection, None, None
        self._inbox.clear()
        if connection is not None:
            connection.release()

    def _errors(self) -> tuple[type[BaseException], ...]:
        connection = self._connection or self._app.connection_for_write()
        return (*connection.connection_errors, *connection.channel_errors, KombuError, OSError)

    @contextmanager
    def _translated(self, exchange: _Exchange) -> Iterator[None]:
        try:
            yield
        except self._errors() as error:
            reason = reason_of(error)
            if exchange.is_begun:
                raise UnsureError(
                    f"broker unavailable: {reason}; workers may have been told nevertheless"
                ) from error
            raise ServiceUnavailableError(f"broker unavailable: {reason}") from error


class _Exchange:
    """What was asked at one time, and what was said to it."""

    def __init__(self, awaited: set[str], timeout_s: float, on_answer: OnAnswer | None) -> None:
        self._awaited = awaited
        self._timeout_s = timeout_s
        self._on_answer = on_answer
        self._began = time.monotonic()
        self._commands: dict[str, str] = {}
        self._found: dict[str, dict[str, Answer]] = {}

    def note(self, command: str) -> str:
        """Return the ticket of a command that is about to be sent."""
        if not self._commands:
            self._began = time.monotonic()
        ticket = str(uuid.uuid4())
        self._commands[ticket] = command
        self._found[command] = {}
        return ticket

    @property
    def is_begun(self) -> bool:
        """Whether anything may have been sent."""
        return bool(self._commands)

    @property
    def left_s(self) -> float:
        """Seconds for which answers are still waited for."""
        return self._began + self._timeout_s - time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether everybody who was expected to answer has answered everything."""
        return bool(self._awaited) and all(self._awaited <= said.keys() for said in self._found.values())

    def hear(self, ticket: str | None, body: Any) -> None:
        """Take in a message."""
        command = self._commands.get(ticket or "")
        # An answer to an earlier question came too late for it, and is none to this.
        if command is None or not isinstance(body, dict):
            return
        for worker, value in body.items():
            answer = Answer(worker, value, time.monotonic() - self._began)
            self._found[command][worker] = answer
            if self._on_answer is not None:
                self._on_answer(command, answer)

    @property
    def answers(self) -> dict[str, Answers]:
        """All that was said, by command."""
        return {
            command: Answers(tuple(said.values()), tuple(sorted(self._awaited - said.keys())))
            for command, said in self._found.items()
        }
