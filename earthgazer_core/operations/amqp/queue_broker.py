"""A RabbitMQ broker whose queues can be looked into and changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from celery import Celery

from earthgazer_core.errors import InvalidInputError, NotFoundError, RefusedError
from earthgazer_core.operations.amqp.broker import AmqpBroker
from earthgazer_core.operations.amqp.link import linked
from earthgazer_core.operations.amqp.marks import BrokerMarks
from earthgazer_core.operations.amqp.mover import AmqpMover
from earthgazer_core.operations.amqp.walk import MOST, Walk, quorum, walking
from earthgazer_core.operations.broker import Message
from earthgazer_core.operations.queues.stored import Digests, Shown, Stored, digest_of
from earthgazer_core.recorder.describe import Describer
from earthgazer_core.recorder.message import Seal
from earthgazer_core.recorder.redaction import Redactor
from earthgazer_core.settings import RecorderSettings

_PAGE = 500
_HIGHEST = 255
_COUNTING = ("quorum", "stream")


class AmqpQueueBroker(AmqpBroker):
    """Reads and changes one RabbitMQ broker.

    AMQP has no look at a message but taking it: whoever looks holds the messages for some milliseconds,
    and gives them back to where they were, marked as delivered before. Workers that are free meanwhile
    take the next ones. Highest priority first.
    """

    def __init__(
        self,
        app: Celery,
        redact: Iterable[str] | None = None,
        *,
        management_url: str | None = None,
        are_queues_configured: bool = True,
    ) -> None:
        """Take an app and the names of arguments to hide; None takes the recorder's own list."""
        super().__init__(app, management_url=management_url, are_queues_configured=are_queues_configured)
        names = RecorderSettings().redact if redact is None else tuple(redact)
        self.redactor = Redactor(app, names)
        self.describer = Describer(app, self.redactor, Seal(None))
        self._marks = BrokerMarks(app)

    def require(self, queue: str, also: Sequence[str] = ()) -> None:
        """Check that there is such a queue, or that it is named in ``also``.

        Raises:
            NotFoundError: there is none.
        """
        if queue not in also:
            self.depth(queue)

    def depth(self, queue: str) -> int:
        """Return how many messages wait in a queue.

        Raises:
            NotFoundError: there is no such queue.
        """
        try:
            with linked(self._app) as connection, connection.channel() as channel:
                return int(channel.queue_declare(queue=queue, passive=True).message_count)
        except NotFoundError as error:
            raise NotFoundError(f"there is no queue {queue} in the broker") from error

    def connect(self) -> None:
        """Connect now rather than at the first question.

        Raises:
            ServiceUnavailableError: the broker is away.
        """
        self._asked(self._open)

    def check_priority(self, priority: int, queue: str = "") -> None:
        """Check that messages (of a queue) can have this priority.

        Raises:
            InvalidInputError: they can't.
        """
        highest = self._highest_priority(queue)
        if highest == 0:
            raise InvalidInputError(
                f"queue {queue} has no priorities: it was declared without x-max-priority"
            )
        if not 0 <= priority <= (highest or _HIGHEST):
            raise InvalidInputError(
                f"priority {priority}: expected 0 (last) to {highest or _HIGHEST} (first)"
            )

    def waiting(self, queue: str, limit: int | None = None, offset: int = 0) -> Iterator[Stored]:
        """Yield the messages of a queue, the very next first; at most :data:`~.walk.MOST` of them."""
        with self.walking(queue) as walk:
            found = walk.next(MOST if limit is None else min(MOST, limit + offset))
        yield from (held.stored for held in found[offset:])

    def ranked(self, counts: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
        """Return (priority, messages), most urgent first."""
        return tuple(sorted(((one, n) for one, n in counts.items() if n), reverse=True)) or ((0, 0),)

    def holding(self) -> Iterator[Message]:
        """Refuse: the broker counts the messages that workers hold, and shows none of them.

        Raises:
            RefusedError: always.
        """
        raise RefusedError("RabbitMQ doesn't show the messages that workers hold; ask the workers for them")

    def take(self, messages: Sequence[Stored]) -> Iterator[bool]:
        """Take these messages away; yield of each whether it was still there."""
        taken: Counter[tuple[str, bytes]] = Counter()
        for queue in sorted({message.queue for message in messages}):
            wanted = Counter(message.raw for message in messages if message.queue == queue)
            with self.walking(queue) as walk:
                while wanted.total() and (page := walk.next(_PAGE)):
                    for held in page:
                        raw = held.stored.raw
                        if wanted[raw]:
                            walk.discard(held)
                            wanted[raw] -= 1
                            taken[queue, raw] += 1
        for message in messages:
            key = (message.queue, message.raw)
            yield taken[key] > 0
            taken[key] -= 1

    def look(self, queue: str, first: int) -> tuple[tuple[Stored, ...], Mapping[int, Shown]]:
        """Return the next messages of a queue, and by priority what was there with them."""
        sizes: Counter[int] = Counter()
        known: defaultdict[int, Digests] = defaultdict(Digests)
        found: list[Stored] = []
        for one in self.waiting(queue):
            sizes[one.priority] += 1
            known[one.priority].add(digest_of(one.raw))
            if len(found) < first:
                found.append(one)
        return tuple(found), {priority: Shown(n, known[priority]) for priority, n in sizes.items()}

    def sweep(
        self, queue: str, shown: Mapping[int, Shown], on_page: Callable[[Sequence[bytes]], None]
    ) -> int:
        """Take away what was shown, by priority; tell of each page once it is gone."""
        left = MOST
        with self.walking(queue) as walk:
            while left > 0 and (page := walk.next(_PAGE)):
                left -= len(page)
                victims = [held for held in page if _is_among(held.stored, shown)]
                for held in victims:
                    walk.discard(held)
                if victims:
                    walk.settle()
                    on_page([held.stored.raw for held in victims])
        return 0

    def mover(self, queue: str, to_queue: str, to_priority: int | None, also: Sequence[str]) -> AmqpMover:
        """Return who carries messages from a queue to another place."""
        return AmqpMover(self, queue, to_queue, to_priority)

    def marks(self) -> Mapping[str, bytes]:
        """Return what operators keep in the broker for each other, by queue."""
        return self._asked(lambda: self._marks.read(self._connected()))

    def swap_mark(self, queue: str, before: bytes, after: bytes) -> bool:
        """Put a mark in the place of another (empty for none); return False where that isn't there."""
        return self._marks.swap(queue, before, after)

    def walking(self, queue: str) -> AbstractContextManager[Walk]:
        """Return a walk through a queue that keeps messages in place.

        Raises:
            RefusedError: the queue counts each look as a delivery.
        """
        known = self.management.look().queues.get(queue)
        kind = known.kind if known is not None else self._arguments(queue).get("x-queue-type")
        if kind in _COUNTING:
            raise RefusedError(quorum(queue))
        return walking(self._app, queue)

    def _highest_priority(self, queue: str) -> int | None:
        """Return the highest priority of a queue; 0 where it has none, None where nobody tells."""
        known = self.management.look().queues.get(queue)
        if known is not None:
            return known.max_priority
        if self._are_queues_configured and queue in self._app.amqp.queues:
            return int(self._arguments(queue).get("x-max-priority") or 0)
        return None

    def _arguments(self, queue: str) -> Mapping[str, Any]:
        """Return the arguments that the app's configuration declares a queue with."""
        if not self._are_queues_configured or queue not in self._app.amqp.queues:
            return {}
        found: Any = self._app.amqp.queues[queue]
        arguments = dict(found.queue_arguments or {})
        if found.max_priority:
            arguments["x-max-priority"] = found.max_priority
        return arguments


def _is_among(stored: Stored, shown: Mapping[int, Shown]) -> bool:
    there = shown.get(stored.priority)
    return there is not None and digest_of(stored.raw) in there.known
