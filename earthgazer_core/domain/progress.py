"""Progress of a task, derived from work done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task has come: ``done`` of ``total`` units of real work."""

    stage: str
    """What is being done, one word or two: ``downloading B04``."""
    done: int
    """Units finished: bytes, windows, items."""
    total: int
    """Units in all; 0 where it can't be known."""

    @property
    def percent(self) -> float | None:
        """Share done, 0 to 100; None where the total is unknown."""
        return 100.0 * self.done / self.total if self.total > 0 else None


class ProgressSink(Protocol):
    """Where progress is told to; called from the thread that does the work."""

    def __call__(self, progress: Progress, /) -> None:
        """Take one report; cheap enough to be called per window."""


def unheard(progress: Progress, /) -> None:
    """Take a report that nobody asked for."""
