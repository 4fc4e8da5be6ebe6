"""The retry of many tasks that goes on while the operator looks elsewhere."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from earthgazer_tui.fleet.models import ActionResult, RetryOrder, RetryProgress


@dataclass
class BulkRetry:
    """One retry of many tasks."""

    order: RetryOrder
    """What was asked for."""
    progress: RetryProgress
    """How far it is."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set to end it after the task that is under way."""
    result: ActionResult | None = None
    """What came of it; None while it goes on."""

    def take(self, progress: RetryProgress) -> None:
        """Take note of how far it is."""
        self.progress = progress


@dataclass
class UnderWay:
    """What goes on in the background; at most one retry of many at a time."""

    bulk: BulkRetry | None = None
    """The newest one, ended or not."""

    @property
    def running(self) -> BulkRetry | None:
        """The one that goes on; None where none does."""
        return self.bulk if self.bulk is not None and self.bulk.result is None else None
