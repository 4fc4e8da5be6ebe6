"""What waits in a Redis broker, and what workers hold of it; kombu's layout, read in one round trip."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import redis
from celery import Celery
from kombu.exceptions import KombuError
from redis.backoff import NoBackoff
from redis.retry import Retry

from earthgazer_core.errors import InvalidInputError, RefusedError, ServiceUnavailableError
from earthgazer_core.operations.listeners import count_listeners
from earthgazer_core.operations.visibility import DEFAULT_S
from earthgazer_core.recorder.describe import parse_time

_MOST_UNACKED = 10_000
_SCAN_PAGE = 2_000
_NAMES_AGE_S = 15.0
_PATIENCE_S = 5.0
_OWN_EXCHANGES = ("celeryev",)
_UNDELIVERED = "ae.undeliver"
"""Where apps have kombu put what no binding leads anywhere, by the name that its documentation gives."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue at one moment."""

    name: str
    """Queue name."""
    depth: int
    """Messages waiting, over all priorities."""
    by_priority: tuple[tuple[int, int], ...]
    """(priority step, messages), most urgent first; steps in use and the first.

    Empty where the broker doesn't tell.
    """
    unacked: int | None
    """Messages of this queue that workers hold; None where the broker doesn't tell."""
    oldest_unacked_s: float | None
    """Seconds since the oldest of those was delivered; None where there is none, or nobody tells."""
    consumers: int | None
    """Workers that consume it; None where nobody said."""
    eta: int = 0
    """Messages among the unacknowledged ones whose time has not come yet."""


@dataclass(frozen=True, slots=True)
class BrokerSnapshot:
    """All queues at one moment."""

    at: datetime
    """Aware UTC."""
    queues: tuple[QueueState, ...]
    """In the order asked for."""
    unacked: int | None
    """Messages that workers hold, those of queues not asked for included; None where nobody tells."""
    visibility_timeout_s: float
    """Age at which an unacknowledged message is given to another worker; infinite where none is."""
    unacked_reason: str = ""
    """Why it isn't known what workers hold; empty where it is."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a queue or in a worker's hands; its body is never unpickled."""

    task_id: str
    """Celery's id."""
    name: str
    """Task name."""
    queue: str
    """Queue that it waits in or came from."""
    priority: int
    """Priority step of the list it is in; its own priority when unacked."""
    where: str
    """``queue`` or ``unacked``."""
    age_s: float | None
    """Seconds since delivery to a worker; None in a queue, which keeps no time."""
    args_repr: str
    """Positional arguments as the publisher showed them, cut at 1024 characters."""
    kwargs_repr: str
    """Named arguments likewise."""
    headers: Mapping[str, Any]
    """All headers."""
    envelope: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The whole message as the transport keeps it, its body encoded."""


class RedisBroker:
    """Reads one Redis broker with the prefix, separator and priorities of the app's own transport."""

    def __init__(self, app: Celery) -> None:
        """Take an app; nothing is connected yet.

        Raises:
            InvalidInputError: its broker isn't Redis.
        """
        self._app = app
        self._connection = app.connection_for_read()
        if self._connection.transport.driver_type != "redis":
            raise InvalidInputError(
                f"queues can only be read from a Redis broker, not {self._connection.transport.driver_type}"
            )
        self._names_are_configured = True
        self._client: redis.Redis | None = None
        self._channel: Any = None
        self._names: tuple[str, ...] = ()
        self._names_at = float("-inf")
        self._bindings: dict[tuple[str, str], str] = {}
        self._held: dict[bytes, tuple[str, float | None]] = {}

    @classmethod
    def from_url(
        cls, url: str, transport_options: Mapping[str, Any] | None = None, queues: Sequence[str] = ()
    ) -> RedisBroker:
        """Return the broker of a fleet whose app isn't known here."""
        app = Celery("earthgazer-broker", broker=url, set_as_current=False)
        app.conf.broker_transport_options = dict(transport_options or {})
        broker = cls(app)
        broker._names_are_configured = bool(queues)
        if queues:
            app.conf.task_queues = [app.amqp.queues.new_missing(name) for name in queues]
        return broker

    @property
    def visibility_timeout_s(self) -> float:
        """Age at which an unacknowledged message is given to another worker."""
        options = self._app.conf.broker_transport_options or {}
        return float(options.get("visibility_timeout", DEFAULT_S))

    def queue_names(self, also: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the queues that are configured, bound in the broker or named in ``also``, sorted.

        An empty queue has no key of its own, so the bindings are what is left of it.
        """
        if time.monotonic() - self._names_at > _NAMES_AGE_S:
            with self._opened() as client:
                self._bindings = dict(self._read_bindings(client))
            configured = self._app.amqp.queues if self._names_are_configured else ()
            self._names = tuple({*configured, *self._bindings.values(), *self._used(self.undelivered)})
            self._names_at = time.monotonic()
        return tuple(sorted({*self._names, *also}))

    @property
    def undelivered(self) -> tuple[str, ...]:
        """Queues for what no binding led to any other: nobody reads them."""
        options = self._app.conf.broker_transport_options or {}
        return tuple(sorted({_UNDELIVERED, str(options.get("deadletter_queue") or _UNDELIVERED)}))

    @property
    def bindings(self) -> Mapping[tuple[str, str], str]:
        """Queues by (exchange, routing key), as they were last read."""
        return self._bindings

    def snapshot(self, names: Sequence[str], consumers: Mapping[str, int] | None = None) -> BrokerSnapshot:
        """Return the state of these queues; ``consumers`` maps names to numbers of workers."""
        with self._opened() as client:
            steps = tuple(self._channel.priority_steps)
            pipe = client.pipeline(transaction=False)
            for name in names:
                for step in steps:
                    pipe.llen(self._list_key(name, step))
            pipe.hlen(self._key(self._channel.unacked_key))
            pipe.zrange(self._key(self._channel.unacked_index_key), 0, _MOST_UNACKED - 1, withscores=True)
            # Anybody may name a queue like a key that is none: that is empty, and the others still count.
            *sizes, unacked, index = pipe.execute(raise_on_error=False)
            sizes = [size if isinstance(size, int) else 0 for size in sizes]
            for answer in (unacked, index):
                if isinstance(answer, Exception):
                    raise answer
            delivered = {tag: float(score) for tag, score in index}
            self._learn_held(client, delivered)
        now = time.time()
        oldest: dict[str, float] = {}
        held: dict[str, int] = {}
        early: dict[str, int] = {}
        for tag, at in delivered.items():
            if tag in self._held:
                queue, eta = self._held[tag]
                held[queue] = held.get(queue, 0) + 1
                early[queue] = early.get(queue, 0) + (eta is not None and eta > now)
                oldest[queue] = max(oldest.get(queue, 0.0), now - at)
        states = []
        for number, name in enumerate(names):
            by_step = list(zip(steps, sizes[number * len(steps) : (number + 1) * len(steps)], strict=True))
            states.append(
                QueueState(
                    name=name,
                    depth=sum(size for _, size in by_step),
                    by_priority=tuple((step, size) for step, size in by_step if size or step == steps[0]),
                    unacked=held.get(name, 0),
                    oldest_unacked_s=oldest.get(name),
                    consumers=None if consumers is None else consumers.get(name, 0),
                    eta=early.get(name, 0),
                )
            )
        return BrokerSnapshot(datetime.now(UTC), tuple(states), unacked, self.visibility_timeout_s)

    def peek(self, queue: str, limit: int = 50) -> tuple[Message, ...]:
        """Return the messages that are next in a queue, the very next first."""
        found: list[Message] = []
        with self._opened() as client:
            for step in self._channel.priority_steps:
                left = limit - len(found)
                if left > 0:
                    # Workers take from the right end.
                    raws: Any = client.lrange(self._list_key(queue, step), -left, -1)
                    found += [_message(raw, queue, step, "queue", None) for raw in reversed(raws)]
        return tuple(message for message in found if message.task_id)

    def find(self, task_id: str, queues: Iterable[str] | None = None) -> Message | None:
        """Return the message of a task if it waits in one of the queues or is in a worker's hands."""
        names = self.queue_names() if queues is None else tuple(queues)
        return next((message for message in self.messages(names) if message.task_id == task_id), None)

    def messages(self, queues: Iterable[str]) -> Iterator[Message]:
        """Yield every message that waits in the queues or is unacknowledged; page by page."""
        with self._opened() as client:
            now = time.time()
            index: Any = client.zrange(self._key(self._channel.unacked_index_key), 0, -1, withscores=True)
            delivered = dict(index)
            for tag, raw in client.hscan_iter(self._key(self._channel.unacked_key), count=_SCAN_PAGE):
                message = self._held_message(tag, raw, now, delivered)
                if message is not None:
                    yield message
            for queue in queues:
                for step in self._channel.priority_steps:
                    key = self._list_key(queue, step)
                    for start in range(0, client.llen(key), _SCAN_PAGE):
                        raws: Any = client.lrange(key, start, start + _SCAN_PAGE - 1)
                        for raw in raws:
                            yield _message(raw, queue, step, "queue", None)

    def listeners(self) -> int:
        """Return how many workers hear commands, whether they answer or not."""
        with self._opened() as client:
            return count_listeners(self._app, client, self._channel)

    def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            self._channel.close()
        self._connection.release()
        self._client = self._channel = None

    @contextmanager
    def _opened(self) -> Iterator[redis.Redis]:
        try:
            yield self._client or self._open()
        except (redis.ConnectionError, redis.TimeoutError, KombuError, OSError) as error:
            raise ServiceUnavailableError(f"broker unavailable: {_one_line(error)}") from error
        except redis.ResponseError as error:
            raise RefusedError(f"the broker refuses: {_one_line(error)}") from error
        except redis.RedisError as error:
            raise ServiceUnavailableError(f"the broker's answer can't be read: {_one_line(error)}") from error

    def _open(self) -> redis.Redis:
        # Without limits, a broker that accepts connections and says nothing would hold us for ever.
        options: dict[str, Any] = self._connection.transport_options  # type: ignore[assignment]
        options.setdefault("socket_timeout", _PATIENCE_S)
        options.setdefault("socket_connect_timeout", _PATIENCE_S)
        self._connection.connect()
        self._channel = self._connection.channel()
        # A plain client on the transport's pool: keys are prefixed here, for all commands alike.
        self._client = redis.Redis(connection_pool=self._channel.pool)
        # What changes a queue is sent once, whatever the fleet's own options say of trying again: a second
        # try would do it twice where only the answer was lost.
        self._client.set_retry(Retry(NoBackoff(), 0))
        return self._client

    def _key(self, name: str) -> str:
        return f"{self._channel.global_keyprefix}{name}"

    def _list_key(self, queue: str, step: int) -> str:
        return self._key(f"{queue}{self._channel.sep}{step}" if step else queue)

    def _used(self, queues: Iterable[str]) -> Iterator[str]:
        """Yield those of these queues that hold messages: with no binding, nothing else tells of them."""
        with self._opened() as client:
            for queue in queues:
                if client.exists(*(self._list_key(queue, step) for step in self._channel.priority_steps)):
                    yield queue

    def _read_bindings(self, client: redis.Redis) -> Iterator[tuple[tuple[str, str], str]]:
        prefix = self._key(self._channel.keyprefix_queue % "")
        for key in client.scan_iter(match=f"{_glob(prefix)}*", count=_SCAN_PAGE):
            exchange = key.decode(errors="replace").removeprefix(prefix)
            if exchange in _OWN_EXCHANGES or exchange.endswith(".pidbox"):
                continue
            try:
                members: Any = client.smembers(key)
            except redis.ResponseError:
                # Another kind of key by that name binds nothing.
                continue
            for member in members:
                parts = member.decode(errors="replace").split(self._channel.sep, 2)
                if len(parts) == 3:
                    yield (exchange, parts[0]), parts[2]

    def _learn_held(self, client: redis.Redis, delivered: Mapping[bytes, float]) -> None:
        """Look up queue and ETA of each unacknowledged message once; a tag never changes its message."""
        self._held = {tag: known for tag, known in self._held.items() if tag in delivered}
        unknown = [tag for tag in delivered if tag not in self._held]
        if not unknown:
            return
        raws: Any = client.hmget(self._key(self._channel.unacked_key), unknown)
        for tag, raw in zip(unknown, raws, strict=True):
            if raw is not None:
                message, queue = self._queue_of(raw)
                self._held[tag] = (queue, _eta_of(message))

    def _queue_of(self, raw: bytes) -> tuple[Any, str]:
        try:
            message, exchange, routing_key = json.loads(raw)
        except (ValueError, TypeError, RecursionError):
            return None, ""
        exchange, routing_key = (str(part) if part else "" for part in (exchange, routing_key))
        return message, self._bindings.get((exchange, routing_key), routing_key)

    def _held_message(
        self, tag: bytes, raw: bytes, now: float, delivered: Mapping[bytes, float]
    ) -> Message | None:
        message, queue = self._queue_of(raw)
        if not isinstance(message, dict):
            return None
        priority = (message.get("properties") or {}).get("priority")
        age_s = now - delivered[tag] if tag in delivered else None
        return _message(message, queue, priority if isinstance(priority, int) else 0, "unacked", age_s)


def is_key(text: str) -> bool:
    """Whether a name that somebody told can be one in a broker at all: lone surrogates can't be sent."""
    return not any(0xD800 <= ord(char) <= 0xDFFF for char in text)


def _message(raw: Any, queue: str, priority: int, where: str, age_s: float | None) -> Message:
    envelope = raw
    if not isinstance(raw, dict):
        try:
            envelope = json.loads(raw)
        except (ValueError, RecursionError):
            envelope = {}
    headers = envelope.get("headers") if isinstance(envelope, dict) else None
    headers = headers if isinstance(headers, dict) else {}
    return Message(
        task_id=str(headers.get("id") or ""),
        name=str(headers.get("task") or ""),
        queue=queue,
        priority=priority,
        where=where,
        age_s=age_s,
        args_repr=str(headers.get("argsrepr") or ""),
        kwargs_repr=str(headers.get("kwargsrepr") or ""),
        headers=headers,
        envelope=envelope if isinstance(envelope, dict) else {},
    )


def _eta_of(message: Any) -> float | None:
    headers = message.get("headers") if isinstance(message, dict) else None
    eta = parse_time(headers.get("eta")) if isinstance(headers, dict) else None
    return None if eta is None else eta.timestamp()


def _glob(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "*?[]^\\" else letter for letter in text)


def _one_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
