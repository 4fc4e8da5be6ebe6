"""The thread that listens to the fleet's events and folds them into the store."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import Celery

from earthgazer_core.operations.events.listener import EventListener
from earthgazer_core.operations.events.subscription import Subscription, subscription_of
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.events_state import EventsState

_BUSY_S = 1.5
"""Well before the broker cuts off who doesn't keep up: by default when 32 MB wait, or 8 MB for a minute."""

logger = logging.getLogger(__name__)


class EventStream:
    """Keeps the store up with the fleet, and never loses count."""

    def __init__(
        self,
        app: Celery,
        state: EventsState,
        on_change: Callable[[], None],
        subscription: Callable[[Celery], Subscription] = subscription_of,
    ) -> None:
        self._state = state
        self._on_change = on_change
        self._listener = EventListener(app, self, subscription)
        self._thread = threading.Thread(target=self._listener.run, name="fleet-events", daemon=True)
        self.is_listening = False
        """Whether events would reach us now."""
        self.reason = ""
        """Why not; harmless text."""
        self.unread_reason = ""
        """Why a message on the channel could not be read, newest only."""

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Stop listening; returns once the thread has ended."""
        self._listener.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def link_changed(self, error: Exception | None) -> None:
        """Note whether events reach us."""
        listening = error is None
        reason = "" if listening else sanitise.url(error) or type(error).__name__
        if listening != self.is_listening:
            logger.info("events: %s", "listening" if listening else reason)
        self.is_listening, self.reason = listening, reason
        if listening:
            # What happened while we were deaf is not known: what was waiting may have run, and ended.
            with self._state.lock:
                self._state.doubt_unfinished()
                self._state.note_gap()
        self._on_change()

    def turn(self, busy_s: float) -> None:
        """Remember less where more comes than can be kept up with."""
        self._state.is_lean = busy_s > _BUSY_S

    def hear(self, events: list[dict[str, Any]], unread: list[Exception], now: float) -> None:
        """Fold what came."""
        if unread:
            self.unread_reason = f"not JSON as event_serializer says? {sanitise.line(unread[-1], 120)}"
        state = self._state
        with state.lock:
            state.fold(events, now, time.time())
            state.malformed += len(unread)
        self._on_change()
