"""Which queues are paused, by whom and since when: kept in the broker, where every operator sees it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from earthgazer_core.operations import audit
from earthgazer_core.operations.queues.broker import QueueBroker

KEY = "earthgazer.paused"
"""Hash of queue → mark, under the transport's own key prefix."""

_SWAP = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1
"""


@dataclass(frozen=True, slots=True)
class Consumer:
    """A worker that consumed a queue before its pause, and how, so that it can go on so."""

    worker: str
    """Node name."""
    exchange: str | None
    """Exchange of the queue as that worker declares it."""
    exchange_type: str | None
    """``direct``, ``topic``, …"""
    routing_key: str | None
    """Routing key likewise."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A queue that is paused."""

    queue: str
    """The queue."""
    who: str
    """The operator who paused it."""
    origin: str | None
    """Where that operator came from."""
    at: datetime
    """When, aware UTC."""
    consumers: tuple[Consumer, ...]
    """Workers to go on when it is resumed."""


def pauses(broker: QueueBroker) -> tuple[Pause, ...]:
    """Return the queues that are paused, by name.

    Raises:
        ServiceUnavailableError: the broker is away.
    """
    with broker.opened() as layout:
        kept = layout.client.hgetall(layout.key(KEY))
    found = [_read(queue.decode(errors="replace"), text) for queue, text in kept.items()]
    return tuple(sorted((pause for pause in found if pause is not None), key=lambda pause: pause.queue))


def pause_of(broker: QueueBroker, queue: str) -> Pause | None:
    """Return the pause of a queue; None where it isn't paused."""
    return _kept(broker, queue)[1]


def mark(broker: QueueBroker, queue: str, consumers: tuple[Consumer, ...]) -> Pause:
    """Keep that a queue is paused and return the pause: its first owner stays, consumers are joined."""
    who, origin = audit.who()
    while True:
        text, known = _kept(broker, queue)
        pause = known or Pause(queue, who, origin, datetime.now(UTC), ())
        by_worker = {consumer.worker: consumer for consumer in (*pause.consumers, *consumers)}
        joined = Pause(queue, pause.who, pause.origin, pause.at, tuple(by_worker.values()))
        # Another operator may have written in between: then their word is read first.
        if _swap(broker, queue, text, _written(joined)):
            return joined


def unmark(broker: QueueBroker, queue: str, still_waiting: frozenset[str] = frozenset()) -> None:
    """Forget a pause, but for the workers that have not gone on yet."""
    while True:
        text, known = _kept(broker, queue)
        if known is None:
            return
        left = tuple(consumer for consumer in known.consumers if consumer.worker in still_waiting)
        after = _written(Pause(queue, known.who, known.origin, known.at, left)) if left else b""
        if _swap(broker, queue, text, after):
            return


def _kept(broker: QueueBroker, queue: str) -> tuple[bytes, Pause | None]:
    with broker.opened() as layout:
        text: bytes = layout.client.hget(layout.key(KEY), queue) or b""
    return text, _read(queue, text) if text else None


def _swap(broker: QueueBroker, queue: str, before: bytes, after: bytes) -> bool:
    with broker.opened() as layout:
        script = layout.client.register_script(_SWAP)
        return bool(script(keys=[layout.key(KEY)], args=[queue, before, after]))


def _written(pause: Pause) -> bytes:
    return json.dumps({**asdict(pause), "at": pause.at.isoformat()}).encode()


def _read(queue: str, text: bytes) -> Pause | None:
    try:
        kept: dict[str, Any] = json.loads(text)
        return Pause(
            queue=queue,
            who=str(kept["who"]),
            origin=kept.get("origin"),
            at=datetime.fromisoformat(kept["at"]),
            consumers=tuple(Consumer(**consumer) for consumer in kept.get("consumers", ())),
        )
    except (ValueError, TypeError, KeyError):
        # Somebody else's writing, which is no pause of ours.
        return None
