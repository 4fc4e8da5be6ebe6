"""The thread that listens to the fleet's events and folds them into the store."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import Celery

from earthgazer_core.operations.events.subscription import LINK_ERRORS, Subscription, subscription_of
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.events_state import EventsState

_READ_TIMEOUT_S = 0.5
_PING_EVERY_S = 5.0
_SILENCE_S = 15.0
_NAP_S = 0.02
_BUSY_S = 3.0
_IDLE_WAIT_S = 0.0002
_BACKOFF_S = (0.2, 5.0)

logger = logging.getLogger(__name__)


class EventStream:
    """Keeps a subscription open, comes back by itself after an outage, and never loses count."""

    def __init__(
        self,
        app: Celery,
        state: EventsState,
        on_change: Callable[[], None],
        subscription: Callable[[Celery], Subscription] = subscription_of,
    ) -> None:
        self._app = app
        self._subscription = subscription
        self._state = state
        self._on_change = on_change
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet-events", daemon=True)
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
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        pause_s = _BACKOFF_S[0]
        while not self._stop.is_set():
            subscription = self._subscription(self._app)
            try:
                subscription.open()
                self._note(listening=True, reason="")
                pause_s = _BACKOFF_S[0]
                self._listen(subscription)
            except LINK_ERRORS as error:
                self._note(listening=False, reason=sanitise.url(error) or type(error).__name__)
            finally:
                subscription.close()
            if self._stop.wait(pause_s * random.uniform(0.8, 1.2)):  # noqa: S311 - spreads reconnects
                return
            pause_s = min(pause_s * 2, _BACKOFF_S[1])

    def _note(self, *, listening: bool, reason: str) -> None:
        if listening != self.is_listening:
            logger.info("events: %s", "listening" if listening else reason)
        self.is_listening, self.reason = listening, reason
        if listening:
            # What happened while we were deaf is not known: what was waiting may have run.
            with self._state.lock:
                self._state.reset_waiting()
        self._on_change()

    def _listen(self, subscription: Subscription) -> None:
        heard = pinged = idle = time.monotonic()
        while not self._stop.is_set():
            asked = time.monotonic()
            payloads = subscription.read(_READ_TIMEOUT_S)
            now = time.monotonic()
            if payloads is None or now - asked > _IDLE_WAIT_S:
                idle = now
            self._state.is_lean = now - idle > _BUSY_S
            if payloads is not None:
                heard = now
                if payloads:
                    self._fold(subscription, payloads, now)
            elif now - heard > _SILENCE_S:
                raise TimeoutError(f"the broker said nothing for {now - heard:.0f} s")
            if now - pinged > _PING_EVERY_S:
                subscription.ping()
                pinged = now
            if payloads and idle == now:
                # Many messages at one read cost a third of what they cost one by one.
                self._stop.wait(_NAP_S)

    def _fold(self, subscription: Subscription, payloads: list[Any], now: float) -> None:
        events: list[dict[str, Any]] = []
        unread = 0
        for payload in payloads:
            try:
                events.extend(subscription.events_of(payload))
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                unread += 1
                self.unread_reason = f"not JSON as event_serializer says? {sanitise.line(error, 120)}"
        state = self._state
        with state.lock:
            state.fold(events, now)
            state.malformed += unread
        self._on_change()
