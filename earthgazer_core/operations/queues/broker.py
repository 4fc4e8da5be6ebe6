"""A Redis broker whose queues can be changed: the reading one, opened for scripts."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from celery import Celery

from earthgazer_core.errors import InvalidInputError, NotFoundError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.recorder.describe import Describer
from earthgazer_core.recorder.message import Seal
from earthgazer_core.recorder.redaction import Redactor
from earthgazer_core.settings import RecorderSettings

_PRIORITIES = range(10)


@dataclass(frozen=True, slots=True)
class Layout:
    """An open connection, and where the app's transport keeps its queues."""

    client: Any
    """A plain client: keys are prefixed here."""
    prefix: str
    """Before every key."""
    separator: str
    """Between a queue's name and a priority."""
    steps: tuple[int, ...]
    """Priorities that have a list of their own, most urgent first."""

    def key(self, name: str) -> str:
        """Return the full name of a key."""
        return f"{self.prefix}{name}"

    def list_key(self, queue: str, step: int) -> str:
        """Return the key of a queue's list for a priority step."""
        return self.key(f"{queue}{self.separator}{step}" if step else queue)

    def step_of(self, priority: int) -> int:
        """Return the step that messages of a priority wait in, as kombu does."""
        return self.steps[bisect(self.steps, priority) - 1]

    def sizes(self, queue: str) -> tuple[tuple[int, int], ...]:
        """Return (step, messages) of all lists of a queue, of one moment."""
        pipe = self.client.pipeline(transaction=True)
        for step in self.steps:
            pipe.llen(self.list_key(queue, step))
        return tuple(zip(self.steps, pipe.execute(), strict=True))


class QueueBroker(RedisBroker):
    """Reads and changes one Redis broker.

    Arguments in messages are shown as the flight recorder shows them: what its list of names or the
    task's author hides is hidden here.
    """

    def __init__(self, app: Celery, redact: Iterable[str] | None = None) -> None:
        """Take an app and the names of arguments to hide; None takes the recorder's own list."""
        super().__init__(app)
        names = RecorderSettings().redact if redact is None else tuple(redact)
        self.redactor = Redactor(app, names)
        self.describer = Describer(app, self.redactor, Seal(None))

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
        if queue in also:
            return
        with self.opened() as layout:
            if any(size for _, size in layout.sizes(queue)):
                return
        if queue not in self.queue_names():
            # It may have been bound since the names were last read.
            self._names_at = float("-inf")
            if queue not in self.queue_names():
                raise NotFoundError(f"there is no queue {queue}: none is configured, bound or holds messages")

    @staticmethod
    def check_priority(priority: int) -> None:
        """Check that messages can have this priority.

        Raises:
            InvalidInputError: they can't.
        """
        if priority not in _PRIORITIES:
            raise InvalidInputError(f"priority {priority}: expected 0 (first) to 9 (last)")
