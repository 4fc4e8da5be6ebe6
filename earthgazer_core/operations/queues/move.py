"""Moving messages to another queue or priority, each in one step of the broker: none is lost or doubled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from earthgazer_core.db.session import Database
from earthgazer_core.errors import InvalidInputError, NotFoundError
from earthgazer_core.operations.noted import Note, noted
from earthgazer_core.operations.queues.broker import Layout, QueueBroker
from earthgazer_core.operations.queues.message import WaitingMessage

_PAGE = 100
"""Messages in one call: a script holds up every client of the broker."""
_MOST_NAMED = 100

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


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a wish to move messages."""

    queue: str
    """Where they were."""
    to_queue: str
    """Where they are."""
    to_priority: int | None
    """Their new priority; None leaves each its own."""
    moved: int
    """Messages that were moved."""
    gone: int
    """Messages that were no longer there: a worker or another operator took them."""
    unreadable: int
    """Messages left alone, since no worker could read them there either."""

    @property
    def summary(self) -> str:
        """One line."""
        words = f"{self.moved} moved from {self.queue} to {self.to_queue}"
        if self.to_priority is not None:
            words += f" at priority {self.to_priority}"
        if self.gone:
            words += f", {self.gone} had gone before"
        return f"{words}, {self.unreadable} unreadable left" if self.unreadable else words


def move(
    broker: QueueBroker,
    messages: Sequence[WaitingMessage],
    *,
    to_queue: str | None = None,
    to_priority: int | None = None,
    also: Sequence[str] = (),
    database: Database | None = None,
    context: str | None = None,
) -> Moved:
    """Move these messages of one queue, each where it still is at that moment.

    They join the back of where they go, in the order they are given. What tells of their way is
    rewritten, so that a worker that takes one there and gives it back gives it back there.

    Args:
        broker: The broker.
        messages: As peeked at, all of one queue.
        to_queue: Another queue; None stays.
        to_priority: Another priority, 0 (first) to 9 (last); None leaves each its own.
        also: Queues that exist because a worker consumes them.
        database: Where the audit is kept.
        context: Name of the fleet, for the audit.

    Raises:
        InvalidInputError: no or no other place is named, or the messages are of several queues.
        NotFoundError: there is no such target, or none of the messages was there any more.
        RefusedError: the broker refuses.
        ServiceUnavailableError: the broker is away; what was moved stays moved, the rest where it was.
    """
    queues = {message.queue for message in messages}
    if len(queues) != 1:
        raise InvalidInputError(f"messages of {len(queues)} queues: expected one")
    [queue] = queues
    mover = _Mover(broker, queue, to_queue, to_priority, also)
    target = {**mover.target, "task_ids": [message.task_id for message in messages[:_MOST_NAMED]]}
    with noted(database, "queue.move", target, context) as note:
        mover.check()
        try:
            with broker.opened() as layout:
                for step in layout.steps:
                    raws = [message.raw for message in messages if message.priority == step]
                    if raws and mover.leads_elsewhere(layout, step):
                        for start in range(0, len(raws), _PAGE):
                            mover.carry(layout, step, raws[start : start + _PAGE])
        finally:
            mover.tell(note)
        if not mover.moved and mover.gone:
            raise NotFoundError(f"{mover.gone} messages are no longer in {queue}: taken by workers")
    return mover.result


def move_all(
    broker: QueueBroker,
    queue: str,
    *,
    to_queue: str | None = None,
    to_priority: int | None = None,
    from_priority: int | None = None,
    also: Sequence[str] = (),
    database: Database | None = None,
    context: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Moved:
    """Move all messages that wait in a queue now, the next to run first; see :func:`move`.

    Should this process end half way, each message is in one place or the other; calling it again moves
    the rest.

    Args:
        broker: The broker.
        queue: Where they are.
        to_queue: Another queue; None stays.
        to_priority: Another priority; None leaves each its own.
        from_priority: Only messages of this priority step.
        also: Queues that exist because a worker consumes them.
        database: Where the audit is kept.
        context: Name of the fleet, for the audit.
        on_progress: Told of (moved so far, there at the start) after each page.

    Raises:
        InvalidInputError: no or no other place is named.
        NotFoundError: there is no such queue or target.
        RefusedError: the broker refuses.
        ServiceUnavailableError: the broker is away; calling it again moves the rest.
    """
    mover = _Mover(broker, queue, to_queue, to_priority, also)
    with noted(database, "queue.move", {**mover.target, "all": True}, context) as note:
        broker.require(queue, also)
        mover.check()
        try:
            with broker.opened() as layout:
                sizes = [
                    (step, size)
                    for step, size in layout.sizes(queue)
                    if from_priority in (None, step) and mover.leads_elsewhere(layout, step)
                ]
                total = sum(size for _, size in sizes)
                for step, size in sizes:
                    key, left, kept = layout.list_key(queue, step), size, 0
                    while left > 0:
                        page = min(_PAGE, left)
                        raws = layout.client.lrange(key, -(kept + page), -(kept + 1))
                        if not raws:
                            break
                        kept += mover.carry(layout, step, reversed(raws))
                        left -= len(raws)
                        if on_progress is not None:
                            on_progress(mover.moved, total)
        finally:
            mover.tell(note)
    return mover.result


class _Mover:
    def __init__(
        self,
        broker: QueueBroker,
        queue: str,
        to_queue: str | None,
        to_priority: int | None,
        also: Sequence[str],
    ) -> None:
        self._broker = broker
        self._queue = queue
        self._to_queue = to_queue or queue
        self._to_priority = to_priority
        self._also = also
        self._script: Any = None
        self.moved = self.gone = self.unreadable = 0

    @property
    def target(self) -> dict[str, Any]:
        return {"queue": self._queue, "to_queue": self._to_queue, "to_priority": self._to_priority}

    @property
    def result(self) -> Moved:
        return Moved(self._queue, self._to_queue, self._to_priority, self.moved, self.gone, self.unreadable)

    def tell(self, note: Note) -> None:
        note.detail |= {"moved": self.moved, "gone": self.gone, "unreadable": self.unreadable}

    def check(self) -> None:
        if self._to_priority is not None:
            self._broker.check_priority(self._to_priority)
        elif self._to_queue == self._queue:
            raise InvalidInputError(f"nowhere to go: name a queue other than {self._queue}, or a priority")
        if self._to_queue != self._queue:
            self._broker.require(self._to_queue, self._also)

    def leads_elsewhere(self, layout: Layout, step: int) -> bool:
        return layout.list_key(self._queue, step) != self._target_key(layout, step)

    def carry(self, layout: Layout, step: int, raws: Iterable[bytes]) -> int:
        """Move a page of messages from a step's list; return how many could not be read."""
        pairs = [(raw, self._readdressed(raw)) for raw in raws]
        words = [word for raw, renewed in pairs if renewed is not None for word in (raw, renewed)]
        unreadable = len(pairs) - len(words) // 2
        if words:
            self._script = self._script or layout.client.register_script(_MOVE)
            keys = [layout.list_key(self._queue, step), self._target_key(layout, step)]
            found = sum(self._script(keys=keys, args=words))
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
