"""All that is known of a task where no flight recorder keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from earthgazer_core.operations.arguments import Arguments
from earthgazer_core.operations.copies import Ended
from earthgazer_core.operations.stored_result import StoredResult
from earthgazer_tui.fleet.models import StateChange, TaskRow


@dataclass(frozen=True, slots=True)
class Told:
    """What events told of a task."""

    row: TaskRow
    """Its line in lists."""
    args: str
    """Positional arguments as text; may be cut."""
    kwargs: str
    """Named arguments likewise."""
    is_as_told: bool
    """Whether these texts are as its event had them."""
    result: str
    """Its result as text; may be cut."""
    traceback: str
    """Where it failed."""
    parent_id: str | None
    """The task that published it."""
    root_id: str | None
    """The first of its workflow."""
    timeline: tuple[StateChange, ...]
    """Its states."""


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a task."""

    task_id: str
    """Its id."""
    told: Told | None
    """What events told."""
    result: StoredResult | None
    """What the result backend has."""
    arguments: Arguments
    """Its arguments, or why they are not known."""
    only_queue: str | None = None
    """The queue of its worker, where that consumes one alone."""

    @property
    def state(self) -> str:
        """Its state: by the result backend, which knows best, else by events."""
        if self.result is not None:
            return self.result.status
        return "" if self.told is None else self.told.row.state

    @property
    def name(self) -> str:
        """Its name; empty where nobody told."""
        if self.arguments.message is not None:
            return self.arguments.message.name
        # A name with an escape in it is not the one that workers know.
        if self.told is not None and self.told.row.name and "\\" not in self.told.row.name:
            return self.told.row.name
        return (self.result.name if self.result is not None else None) or ""

    @property
    def ended(self) -> Ended:
        """It as one that ended."""
        return Ended(self.task_id, self.name, self.state, self._queue, self.arguments)

    @property
    def _queue(self) -> str | None:
        told = self.told.row.queue if self.told is not None else None
        return self.arguments.queue or told or self.only_queue
