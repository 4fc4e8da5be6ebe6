"""A lock against two operators in a Redis broker: a key that says who has it and goes away by itself."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from earthgazer_core.operations import audit
from earthgazer_core.operations.queues.broker import QueueBroker

_HELD_S = 300
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
_REWRITE = (
    "if redis.call('GET', KEYS[1]) == ARGV[1] then"
    " return redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end return 0"
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a lock."""

    who: str
    """Login user and origin."""
    at: datetime | None
    """Since when, by their clock."""
    outcome: str
    """What they have done with it; empty while they are at it."""


@dataclass(slots=True)
class Held:
    """A lock that is ours."""

    key: str
    """Its key in the broker."""
    value: str
    """What stands there while it is ours."""


class OperatorLock:
    """Takes locks on what operators act on, one after the other."""

    def __init__(self, broker: QueueBroker) -> None:
        self._broker = broker

    def take(self, what: str) -> Held | Holder:
        """Take the lock, or return who has it.

        Args:
            what: What is acted on, ``retry:<task id>``.

        Raises:
            ServiceUnavailableError: the broker is away.
            RefusedError: it takes no such commands.
        """
        user, origin = audit.who()
        fact = {
            "who": user,
            "origin": origin,
            "at": datetime.now(UTC).isoformat(),
            "token": str(uuid.uuid4()),
        }
        with self._broker.opened() as layout:
            held = Held(layout.key(f"earthgazer:lock:{what}"), json.dumps(fact))
            if layout.client.set(held.key, held.value, nx=True, ex=_HELD_S):
                return held
            return _holder(layout.client.get(held.key))

    def keep(self, held: Held, outcome: str) -> None:
        """Leave the lock to its end, with a word on what was done: whoever comes next is told."""
        told = json.dumps({**json.loads(held.value), "outcome": outcome})
        with self._broker.opened() as layout:
            layout.client.eval(_REWRITE, 1, held.key, held.value, told, _HELD_S)

    def release(self, held: Held) -> None:
        """Give the lock back: nothing was done. One that is another's by now is left alone."""
        with self._broker.opened() as layout:
            layout.client.eval(_RELEASE, 1, held.key, held.value)


def _holder(raw: Any) -> Holder:
    """Return who a key names; it may be gone by now, or not ours."""
    try:
        fact = json.loads(raw)
        who = " ".join(str(fact[key]) for key in ("who", "origin") if fact.get(key))
        return Holder(who, datetime.fromisoformat(fact["at"]), str(fact.get("outcome") or ""))
    except (ValueError, LookupError, TypeError):
        return Holder("somebody", None, "")
