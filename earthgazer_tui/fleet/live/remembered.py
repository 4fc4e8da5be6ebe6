"""Messages seen while they waited or were held, so that a later failure still has its arguments."""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Lock

from earthgazer_core.operations.arguments import Arguments, of_message
from earthgazer_core.operations.broker import QueueState
from earthgazer_core.operations.found_message import FoundMessage, found_message
from earthgazer_core.operations.queues.lever_broker import LeverBroker

_MOST_BYTES = 24_000_000
_MOST_MESSAGES = 10_000
_HEAD = 25
"""Messages of each queue that are looked at: those that run next."""
_LARGE_BYTES = 1_000_000
"""What one look may read before the next one is put off."""
_PUT_OFF_S = 30.0


class Remembered:
    """A bounded memory of messages, the longest unseen forgotten first; any thread may use it."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._lock = Lock()
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[FoundMessage, str]] = OrderedDict()
        self._not_before = 0.0

    def find(self, task_id: str) -> Arguments | None:
        """Return what a task was called with, if its message was seen."""
        with self._lock:
            kept = self._kept.get(task_id)
        return None if kept is None else of_message(*kept)

    def look(self, broker: LeverBroker, queues: tuple[QueueState, ...]) -> None:
        """Look at what is about to run and at what workers hold; blocks.

        Raises:
            EarthGazerError: the broker is away.
        """
        if time.monotonic() < self._not_before:
            return
        read = 0
        for queue in queues:
            if queue.depth:
                for stored in broker.waiting(queue.name, _HEAD):
                    read += len(stored.raw)
                    self._keep(found_message(stored.raw, queue.name), f"message seen in queue {queue.name}")
        if any(queue.unacked for queue in queues):
            for held in broker.holding():
                found = found_message(held.envelope, held.queue)
                read += 0 if found is None else found.size_bytes
                self._keep(found, f"message seen in queue {held.queue}")
                if read > _LARGE_BYTES:
                    break
        if read > _LARGE_BYTES:
            self._not_before = time.monotonic() + _PUT_OFF_S

    def _keep(self, message: FoundMessage | None, source: str) -> None:
        if message is None or message.size_bytes > self._most_bytes // 8:
            return
        with self._lock:
            before = self._kept.pop(message.task_id, None)
            self._bytes += message.size_bytes - (0 if before is None else before[0].size_bytes)
            self._kept[message.task_id] = (message, source)
            while self._bytes > self._most_bytes or len(self._kept) > _MOST_MESSAGES:
                _, (oldest, _) = self._kept.popitem(last=False)
                self._bytes -= oldest.size_bytes
