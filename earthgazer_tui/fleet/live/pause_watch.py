"""Which queues are paused, and telling workers that have restarted since; blocks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock

from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.queues.lever_broker import LeverBroker
from earthgazer_core.operations.queues.marks import Pause, pauses
from earthgazer_core.operations.queues.pause import enforce
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.names import Names
from earthgazer_tui.fleet.live.observations import Observations
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.models import QueuePause

_TIMEOUT_S = 2.0
_FRESH_S = 8.0
"""Age of a worker's words from which it may be gone: nobody waits for its answer."""

logger = logging.getLogger(__name__)


class PauseWatch:
    """Reads the marks in the broker; a worker that consumes a paused queue by its own words is told again."""

    def __init__(
        self,
        services: Services,
        names: Names,
        seen: Observations,
        mailbox: Callable[[], Mailbox],
        *,
        is_read_only: bool,
    ) -> None:
        self._services = services
        self._names = names
        self._seen = seen
        self._mailbox = mailbox
        self._is_read_only = is_read_only
        self._broker: LeverBroker | None = None
        self._lock = Lock()
        self._is_closed = False

    def look(self) -> None:
        """Note what is paused, and enforce it where a worker doesn't know."""
        with self._lock:
            if not self._is_closed:
                self._look()

    def close(self) -> None:
        """Let go of the broker, once a look that is under way has ended."""
        with self._lock:
            self._is_closed = True
            if self._broker is not None:
                self._broker.close()

    def _look(self) -> None:
        if self._broker is None:
            self._broker = self._services.queue_broker()
        kept = pauses(self._broker)
        self._seen.pauses = {one.queue: self._shown(one) for one in kept}
        paused = {one.queue for one in kept if not one.is_ending}
        if self._is_read_only or not paused:
            return
        now = time.monotonic()
        offenders = tuple(
            report.hostname
            for report in (kept.report for kept in self._seen.reports.values() if now - kept.at < _FRESH_S)
            if paused.intersection(report.queues)
        )
        # What it said is some seconds old, so it is asked once more before it is told.
        for told in enforce(
            self._broker, self._mailbox(), expected=offenders, timeout_s=_TIMEOUT_S,
            database=self._services.database, context=self._services.context,
        ) if offenders else ():  # fmt: skip
            logger.info("pause enforced: %s", sanitise.line(told.summary))

    def _shown(self, pause: Pause) -> QueuePause:
        origin = f" from {pause.origin}" if pause.origin else ""
        return QueuePause(
            who=sanitise.line(f"{pause.who}{origin}"),
            at=pause.at,
            workers=tuple(self._names.show(one.worker) for one in pause.consumers),
            is_ending=pause.is_ending,
        )
