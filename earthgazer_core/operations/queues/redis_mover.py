"""Carrying messages between a Redis broker's lists, each in one step: none is lost or doubled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.operations.queues.acting import acting, counted
from earthgazer_core.operations.queues.layout import Layout
from earthgazer_core.operations.queues.stored import Stored

if TYPE_CHECKING:
    from earthgazer_core.operations.queues.broker import QueueBroker

_PAGE = 100
"""Messages in one call: a script holds up every client of the broker."""

_MOVE = """
local kind = redis.call('TYPE', KEYS[2]).ok
if kind ~= 'list' and kind ~= 'none' then
  return redis.error_reply('target ' .. KEYS[2] .. ' holds a ' .. kind .. ', not a queue')
end
local moved = {}
for i = 1, #ARGV, 2 do
  -- The copy is made first: should the broker have no memory for it, nothing has been taken as yet.
  redis.call('LPUSH', KEYS[2], ARGV[i + 1])
  local found = 1
  if redis.call('LINDEX', KEYS[1], -1) == ARGV[i] then
    redis.call('RPOP', KEYS[1])
  else
    found = redis.call('LREM', KEYS[1], -1, ARGV[i])
    if found == 0 then redis.call('LPOP', KEYS[2]) end
  end
  moved[#moved + 1] = found
end
return moved
"""


class RedisMover:
    """Carries messages of one queue; should it end half way, each is in one place or the other."""

    def __init__(
        self, broker: QueueBroker, queue: str, to_queue: str, to_priority: int | None, also: Sequence[str]
    ) -> None:
        self._broker = broker
        self._queue = queue
        self._to_queue = to_queue
        self._to_priority = to_priority
        self._also = also
        self._digest = ""
        self.moved = self.gone = self.unreadable = 0

    def check(self) -> None:
        """Check that there is such a place."""
        if self._to_priority is not None:
            self._broker.check_priority(self._to_priority)
        elif self._to_queue == self._queue:
            raise InvalidInputError(f"nowhere to go: name a queue other than {self._queue}, or a priority")
        if self._to_queue != self._queue:
            self._broker.require(self._to_queue, self._also)

    def carry_chosen(self, messages: Sequence[Stored]) -> None:
        """Carry these, each where it still is."""
        with self._broker.opened() as layout:
            for step in layout.steps:
                raws = [message.raw for message in messages if message.priority == step]
                if raws and self._leads_elsewhere(layout, step):
                    for start in range(0, len(raws), _PAGE):
                        self._carry(layout, step, raws[start : start + _PAGE])

    def carry_all(self, from_priority: int | None, on_page: Callable[[int], None]) -> None:
        """Carry all that wait now, of one priority step if it is named."""
        with self._broker.opened() as layout:
            sizes = [
                (step, size)
                for step, size in layout.sizes(self._queue)
                if from_priority in (None, step) and self._leads_elsewhere(layout, step)
            ]
            total = sum(size for _, size in sizes)
            for step, size in sizes:
                key, left, kept = layout.list_key(self._queue, step), size, 0
                while left > 0:
                    page = min(_PAGE, left)
                    raws = layout.client.lrange(key, -(kept + page), -(kept + 1))
                    if not raws:
                        break
                    kept += self._carry(layout, step, reversed(raws))
                    left -= len(raws)
                    on_page(total)

    def _leads_elsewhere(self, layout: Layout, step: int) -> bool:
        return layout.list_key(self._queue, step) != self._target_key(layout, step)

    def _carry(self, layout: Layout, step: int, raws: Iterable[bytes]) -> int:
        """Move a page of messages from a step's list; return how many could not be read."""
        pairs = [(raw, self._readdressed(raw)) for raw in raws]
        words = [word for raw, renewed in pairs if renewed is not None for word in (raw, renewed)]
        unreadable = len(pairs) - len(words) // 2
        if words:
            keys = [layout.list_key(self._queue, step), self._target_key(layout, step)]
            if not self._digest:
                self._digest = layout.client.script_load(_MOVE)
            with acting(layout, f"{counted(len(words) // 2)} more may have been moved, each is in one place"):
                found = sum(layout.client.evalsha(self._digest, len(keys), *keys, *words))
            self.moved += found
            self.gone += len(words) // 2 - found
        self.unreadable += unreadable
        return unreadable

    def _target_key(self, layout: Layout, step: int) -> str:
        step = step if self._to_priority is None else layout.step_of(self._to_priority)
        return layout.list_key(self._to_queue, step)

    def _readdressed(self, raw: bytes) -> bytes | None:
        """Return the message with its new address; None where it is no message.

        The script can't do this: Lua's JSON makes an empty list an object and rounds long numbers.
        """
        try:
            envelope = json.loads(raw)
            properties = envelope["properties"]
            info = properties.setdefault("delivery_info", {})
            if self._to_queue != self._queue:
                # The nameless exchange leads to the queue that the key names, however that is bound.
                info["exchange"], info["routing_key"] = "", self._to_queue
            if self._to_priority is not None:
                properties["priority"] = self._to_priority
                if "priority" in info:
                    info["priority"] = self._to_priority
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return json.dumps(envelope).encode()
