"""Where a Redis transport keeps its queues."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from typing import Any


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
