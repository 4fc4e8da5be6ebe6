"""Which queues are paused, by whom and since when: kept in the broker, where every operator sees it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from earthgazer_core.operations import audit
from earthgazer_core.operations.queues.lever_broker import LeverBroker


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
    is_ending: bool = False
    """Whether somebody resumes it, and these workers have not gone on yet; nobody is stopped any more."""


def pauses(broker: LeverBroker) -> tuple[Pause, ...]:
    """Return the queues that are paused, by name.

    Raises:
        ServiceUnavailableError: the broker is away.
    """
    found = [_read(queue, text) for queue, text in broker.marks().items()]
    return tuple(sorted((pause for pause in found if pause is not None), key=lambda pause: pause.queue))


def pause_of(broker: LeverBroker, queue: str) -> Pause | None:
    """Return the pause of a queue; None where it isn't paused."""
    return _kept(broker, queue)[1]


def mark(broker: LeverBroker, queue: str, consumers: tuple[Consumer, ...]) -> Pause:
    """Keep that a queue is paused and return the pause: its first owner stays, consumers are joined."""
    joined = _join(broker, queue, consumers, is_new=True)
    assert joined is not None  # noqa: S101 - one is made where there is none
    return joined


def mark_again(broker: LeverBroker, queue: str, consumers: tuple[Consumer, ...]) -> Pause | None:
    """Join consumers to a pause and return it; None where it has ended, or is about to."""
    return _join(broker, queue, consumers, is_new=False)


def mark_ending(broker: LeverBroker, queue: str) -> None:
    """Keep that a pause is about to end, so that nobody stops the workers that go on."""
    while True:
        text, known = _kept(broker, queue)
        if known is None or broker.swap_mark(queue, text, _written(replace(known, is_ending=True))):
            return


def _join(broker: LeverBroker, queue: str, consumers: tuple[Consumer, ...], *, is_new: bool) -> Pause | None:
    who, origin = audit.who()
    while True:
        text, known = _kept(broker, queue)
        if not is_new and (known is None or known.is_ending):
            return None
        pause = known or Pause(queue, who, origin, datetime.now(UTC), ())
        by_worker = {consumer.worker: consumer for consumer in (*pause.consumers, *consumers)}
        joined = Pause(queue, pause.who, pause.origin, pause.at, tuple(by_worker.values()))
        # Another operator may have written in between: then their word is read first.
        if broker.swap_mark(queue, text, _written(joined)):
            return joined


def unmark(broker: LeverBroker, queue: str, still_waiting: frozenset[str] = frozenset()) -> None:
    """Forget a pause, but for the workers that have not gone on yet."""
    while True:
        text, known = _kept(broker, queue)
        if known is None:
            return
        left = tuple(consumer for consumer in known.consumers if consumer.worker in still_waiting)
        after = _written(replace(known, consumers=left, is_ending=True)) if left else b""
        if broker.swap_mark(queue, text, after):
            return


def _kept(broker: LeverBroker, queue: str) -> tuple[bytes, Pause | None]:
    text = broker.marks().get(queue, b"")
    return text, _read(queue, text) if text else None


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
            is_ending=kept.get("is_ending") is True,
        )
    except (ValueError, TypeError, KeyError):
        # Somebody else's writing, which is no pause of ours.
        return None
