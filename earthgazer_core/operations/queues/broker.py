"""A Redis broker whose queues can be changed: the reading one, opened for scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from celery import Celery

from earthgazer_core.errors import InvalidInputError, NotFoundError
from earthgazer_core.operations.broker import Message, RedisBroker
from earthgazer_core.operations.queues.acting import acting
from earthgazer_core.operations.queues.layout import Layout
from earthgazer_core.operations.queues.redis_mover import RedisMover
from earthgazer_core.operations.queues.redis_sweeper import RedisSweeper, looked_at
from earthgazer_core.operations.queues.stored import Shown, Stored
from earthgazer_core.recorder.describe import Describer
from earthgazer_core.recorder.message import Seal
from earthgazer_core.recorder.redaction import Redactor
from earthgazer_core.settings import RecorderSettings

PAGE = 500
"""Messages that are read at a time."""
_MOST_AT_ONCE = 4_000
MARKS = "earthgazer.paused"
"""Hash of queue → mark, under the transport's own key prefix."""
_PRIORITIES = range(10)
_MARKED = "{} may have been marked so: look whether it is paused; doing it again is safe"

_SWAP = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1
"""


class QueueBroker(RedisBroker):
    """Reads and changes one Redis broker.

    Arguments in messages are shown as the flight recorder shows them: what its list of names or the
    task's author hides is hidden here.
    """

    def __init__(
        self, app: Celery, redact: Iterable[str] | None = None, *, are_queues_configured: bool = True
    ) -> None:
        """Take an app and the names of arguments to hide; None takes the recorder's own list."""
        super().__init__(app)
        self._names_are_configured = are_queues_configured
        names = RecorderSettings().redact if redact is None else tuple(redact)
        self.redactor = Redactor(app, names)
        self.describer = Describer(app, self.redactor, Seal(None))

    def connect(self) -> None:
        """Connect now rather than at the first question.

        Raises:
            ServiceUnavailableError: the broker is away.
        """
        with self.opened():
            pass

    @contextmanager
    def opened(self) -> Iterator[Layout]:
        """Yield the connection; the transport's errors become ours.

        Raises:
            ServiceUnavailableError: the broker is away.
            RefusedError: it refuses a command.
        """
        with self._opened() as client:
            channel = self._channel
            steps = tuple(int(step) for step in channel.priority_steps)
            yield Layout(client, channel.global_keyprefix, channel.sep, steps)

    def require(self, queue: str, also: Sequence[str] = ()) -> None:
        """Check that there is such a queue: with messages, bound, configured or named in ``also``.

        Raises:
            NotFoundError: there is none.
        """
        if queue in also or self.depth(queue):
            return
        if queue not in self.queue_names():
            # It may have been bound since the names were last read.
            self._names_at = float("-inf")
            if queue not in self.queue_names():
                raise NotFoundError(f"there is no queue {queue}: none is configured, bound or holds messages")

    @staticmethod
    def check_priority(priority: int, queue: str = "") -> None:
        """Check that messages (of a queue) can have this priority.

        Raises:
            InvalidInputError: they can't.
        """
        if priority not in _PRIORITIES:
            raise InvalidInputError(f"priority {priority}: expected 0 (first) to 9 (last)")

    def depth(self, queue: str) -> int:
        """Return how many messages wait in a queue."""
        with self.opened() as layout:
            return sum(size for _, size in layout.sizes(queue))

    def waiting(self, queue: str, limit: int | None = None, offset: int = 0) -> Iterator[Stored]:
        """Yield the messages of a queue, the very next first, page by page."""
        with self.opened() as layout:
            left, skip, before = limit, offset, 0
            for step, size in layout.sizes(queue):
                seen = min(skip, size)
                while left is None or left > 0:
                    # A list is walked from its end for each page: of a long one that is wanted whole, fewer.
                    page = min(max(PAGE, size // 200), _MOST_AT_ONCE) if left is None else min(PAGE, left)
                    # Workers take from the right end.
                    raws = layout.client.lrange(layout.list_key(queue, step), -(seen + page), -(seen + 1))
                    if not raws:
                        break
                    for number, raw in enumerate(reversed(raws)):
                        yield Stored(raw, queue, step, before + seen + number)
                    seen += len(raws)
                    left = None if left is None else left - len(raws)
                skip = max(0, skip - size)
                before += max(seen, size)

    def ranked(self, counts: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
        """Return (priority step, messages), most urgent first; steps in use and the first."""
        with self.opened() as layout:
            return tuple(
                (step, counts.get(step, 0))
                for step in layout.steps
                if counts.get(step) or step == layout.steps[0]
            )

    def holding(self) -> Iterator[Message]:
        """Yield the messages that workers hold."""
        return self.messages(())

    def take(self, messages: Sequence[Stored]) -> Iterator[bool]:
        """Take these messages away one by one; yield of each whether it was still there."""
        with self.opened() as layout:
            for one in messages:
                with acting(layout, "the next message may be gone too"):
                    # One command is atomic by itself; it looks from the end that workers take from.
                    found = layout.client.lrem(layout.list_key(one.queue, one.priority), -1, one.raw)
                yield bool(found)

    def look(self, queue: str, first: int) -> tuple[tuple[Stored, ...], Mapping[int, Shown]]:
        """Return the next messages of a queue, and by priority step what was there with them."""
        shown: dict[int, Shown] = {}
        found: list[Stored] = []
        before = 0
        with self.opened() as layout:
            keys = [layout.list_key(queue, step) for step in layout.steps]
            for step, (nearest, there) in zip(layout.steps, looked_at(layout, keys), strict=True):
                shown[step] = there
                found += (Stored(raw, queue, step, before + at) for at, raw in enumerate(nearest))
                before += there.size
        return tuple(found[:first]), shown

    def sweep(
        self, queue: str, shown: Mapping[int, Shown], on_page: Callable[[Sequence[bytes]], None]
    ) -> int:
        """Take away what was shown, by priority step; return how many are left since they were given back."""
        given_back = 0
        with self.opened() as layout:
            for step, there in shown.items():
                if there.size:
                    sweeper = RedisSweeper(layout, layout.list_key(queue, step), there)
                    sweeper.sweep(on_page)
                    given_back += sweeper.given_back
        return given_back

    def mover(self, queue: str, to_queue: str, to_priority: int | None, also: Sequence[str]) -> RedisMover:
        """Return who carries messages from a queue to another place."""
        return RedisMover(self, queue, to_queue, to_priority, also)

    def marks(self) -> Mapping[str, bytes]:
        """Return what operators keep in the broker for each other, by queue."""
        with self.opened() as layout:
            kept: dict[bytes, bytes] = layout.client.hgetall(layout.key(MARKS))
        return {queue.decode(errors="replace"): mark for queue, mark in kept.items()}

    def swap_mark(self, queue: str, before: bytes, after: bytes) -> bool:
        """Put a mark in the place of another (empty for none); return False where that isn't there."""
        with self.opened() as layout:
            # Without ``EVALSHA``, which would first ask whether the script is known.
            with acting(layout, _MARKED.format(queue)):
                swapped = layout.client.eval(_SWAP, 1, layout.key(MARKS), queue, before, after)
            return bool(swapped)
