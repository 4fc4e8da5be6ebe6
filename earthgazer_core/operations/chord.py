"""Mending the keys of a chord in Redis, so that a failed member of its header can be run again.

Celery 5.7 keeps, per group: ``.s`` the size, ``.t`` its later growth, ``.j`` the parts that came back,
``.d`` who has given one, ``.c`` the lease of whoever concludes the chord (``done`` afterwards). A chord
that failed has lost ``.s``. Any other layout is refused: mending it by guess would run a body twice or
never.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
from celery import Celery
from celery.backends.redis import RedisBackend

from earthgazer_core.errors import RefusedError, ServiceUnavailableError

_MEND = """
local c, s, t, d, j = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local lease = redis.call('GET', c)
if lease == 'done' then return 'done' end
if lease and redis.call('EXISTS', s) == 1 then return 'busy' end
if redis.call('EXISTS', d) == 0 and redis.call('EXISTS', s) == 0 then return 'gone' end
if redis.call('EXISTS', s) == 0 then
    local back = redis.call('SCARD', d)
    if back < tonumber(ARGV[3]) then return 'incomplete' end
    local size = back - tonumber(redis.call('GET', t) or 0)
    if tonumber(ARGV[2]) > 0 then
        redis.call('SET', s, size, 'EX', ARGV[2])
    else
        redis.call('SET', s, size)
    end
end
redis.call('DEL', c)
redis.call('SREM', d, ARGV[1])
for i = 4, #ARGV do redis.call('ZREM', j, ARGV[i]) end
return 'mended'
"""

_REASONS = {
    "done": "the chord's body was sent already",
    "busy": "a worker concludes the chord just now: try again in some seconds",
    "gone": "the chord's keys have expired in the result backend, so its body could never run",
    "incomplete": "other members of the chord's header are still on their way: try again later",
}


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a chord's header that the success of a message is to fill."""

    group_id: str
    """The header's group."""
    task_id: str
    """Id of the member whose part counts."""
    group_index: int | None
    """Its index in the header."""
    members: int
    """Members known to the record; none may be missing when the size has to be set again."""


class ChordKeys:
    """The chords of one app's Redis result backend."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def refusal(self, slot: Slot) -> str:
        """Return why the slot can't be filled again as it stands; empty where it can.

        Raises:
            ServiceUnavailableError: the result backend is away.
        """
        backend: Any = self._app.backend
        if not isinstance(backend, RedisBackend):
            return f"it belongs to a chord, and {type(backend).__name__} is no Redis result backend"
        serializer = self._app.conf.result_serializer
        if serializer != "json":
            return f"it belongs to a chord whose parts are kept as {serializer}, not JSON"
        try:
            keys = _keys(backend, slot.group_id)
            pipe = backend.client.pipeline(transaction=True)
            pipe.get(keys["c"]).exists(keys["s"]).type(keys["d"]).type(keys["j"])
            pipe.scard(keys["d"]).exists(backend.get_key_for_group(slot.group_id))
            lease, has_size, givers, parts, back, is_nested = pipe.execute(raise_on_error=False)
        except redis.RedisError as error:
            raise ServiceUnavailableError(f"result backend unavailable: {error}") from error
        if lease == b"done":
            return _REASONS["done"]
        if lease and has_size:
            return _REASONS["busy"]
        if is_nested:
            return "its chord has groups inside its header, whose results Celery joins in another way"
        if givers == b"none" and parts == b"none":
            return "" if has_size else _REASONS["gone"]
        if givers != b"set":
            return "the chord's keys are of a Celery before 5.7: only 5.7's are known here"
        if parts not in (b"zset", b"none"):
            return "the chord's results are kept unordered (result_chord_ordered is off): not known here"
        if not has_size and isinstance(back, int) and back < slot.members:
            return _REASONS["incomplete"]
        return ""

    def mend(self, slot: Slot) -> None:
        """Take the failed part out and make the chord wait for a new one, all at once.

        Mending a mended chord changes nothing.

        Raises:
            RefusedError: it can't be; nothing was changed.
            ServiceUnavailableError: the result backend is away.
        """
        reason = self.refusal(slot)
        if reason:
            raise RefusedError(reason)
        backend: Any = self._app.backend
        keys = _keys(backend, slot.group_id)
        index = "+inf" if slot.group_index is None else slot.group_index
        try:
            parts = [
                raw for raw in backend.client.zrange(keys["j"], 0, -1) if _giver(backend, raw) == slot.task_id
            ]
            outcome = backend.client.eval(
                _MEND,
                5,
                *(keys[name] for name in "cstdj"),
                f"{slot.task_id}:{index}",
                int(backend.chord_expires or 0),
                slot.members,
                *parts,
            )
        except redis.RedisError as error:
            raise ServiceUnavailableError(f"result backend unavailable: {error}") from error
        word = outcome.decode() if isinstance(outcome, bytes) else str(outcome)
        if word != "mended":
            raise RefusedError(_REASONS.get(word, word))


def _keys(backend: RedisBackend, group_id: str) -> Mapping[str, Any]:
    return {name: backend.get_key_for_group(group_id, f".{name}") for name in "cstdj"}


def _giver(backend: Any, raw: bytes) -> Any:
    part = backend.decode(raw)
    return part[1] if isinstance(part, list | tuple) and len(part) == 4 else None
