"""Carrying messages between RabbitMQ queues: published and confirmed first, then taken away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.operations.amqp.link import doubted
from earthgazer_core.operations.amqp.publish import SurePublisher
from earthgazer_core.operations.amqp.walk import MOST, Held, Walk
from earthgazer_core.operations.queues.stored import Stored

if TYPE_CHECKING:
    from earthgazer_core.operations.amqp.queue_broker import AmqpQueueBroker

_PAGE = 500


class AmqpMover:
    """Carries messages of one queue; should it end half way, none is lost, and one may be in both places."""

    def __init__(self, broker: AmqpQueueBroker, queue: str, to_queue: str, to_priority: int | None) -> None:
        self._broker = broker
        self._queue = queue
        self._to_queue = to_queue
        self._to_priority = to_priority
        self.moved = self.gone = self.unreadable = 0

    def check(self) -> None:
        """Check that there is such a place."""
        if self._to_priority is None and self._to_queue == self._queue:
            raise InvalidInputError(f"nowhere to go: name a queue other than {self._queue}, or a priority")
        self._broker.require(self._to_queue)
        if self._to_priority is not None:
            self._broker.check_priority(self._to_priority, self._to_queue)

    def carry_chosen(self, messages: Sequence[Stored]) -> None:
        """Carry these, in their order in the queue, each where it still is."""
        wanted = Counter(message.raw for message in messages if self._leads_elsewhere(message.priority))
        left = wanted.total()
        with self._broker.walking(self._queue) as walk:
            found: list[Held] = []
            while left and (page := walk.next(_PAGE)):
                for held in page:
                    if wanted[held.stored.raw]:
                        wanted[held.stored.raw] -= 1
                        left -= 1
                        found.append(held)
            self._carry(walk, found)
        self.gone += left

    def carry_all(self, from_priority: int | None, on_page: Callable[[int], None]) -> None:
        """Carry all that wait now, of one priority if it is named."""
        total = self._broker.depth(self._queue)
        # What goes to another place of the same queue would come by again: all is taken before any goes.
        size = MOST if self._to_queue == self._queue else _PAGE
        left = total
        with self._broker.walking(self._queue) as walk:
            while left > 0 and (page := walk.next(min(size, left))):
                left -= len(page)
                for start in range(0, len(page), _PAGE):
                    self._carry(
                        walk, [one for one in page[start : start + _PAGE] if self._is_due(one, from_priority)]
                    )
                    on_page(total)

    def _is_due(self, held: Held, from_priority: int | None) -> bool:
        priority = held.stored.priority
        return from_priority in (None, priority) and self._leads_elsewhere(priority)

    def _leads_elsewhere(self, priority: int) -> bool:
        return self._to_queue != self._queue or priority != self._to_priority

    def _carry(self, walk: Walk, page: Sequence[Held]) -> None:
        publisher = SurePublisher(walk.connection)
        for held in page:
            properties = dict(held.message.properties)
            if self._to_priority is not None:
                properties["priority"] = self._to_priority
            with doubted("one more may have been moved, or be in both places"):
                publisher.publish(held.message.body, self._to_queue, **properties)
                walk.discard(held)
            self.moved += 1
        # What was confirmed after an acknowledgement confirms that as well: only the newest is in doubt.
        with doubted("the last of them may be in both places"):
            walk.settle()
            publisher.close()
