"""Listening without end: a subscription that is opened again after every outage."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from celery import Celery

from earthgazer_core.operations.events.subscription import LINK_ERRORS, Subscription, subscription_of

_READ_TIMEOUT_S: Final = 0.5
_PING_EVERY_S: Final = 5.0
_SILENCE_S: Final = 15.0
_NAP_S: Final = 0.125
"""A screen is painted four times a second; a read finds the caches cold and costs as much as 100 events."""
_MOST_WAITING: Final = 700
"""Events that may gather in a nap: a broker cuts off who leaves megabytes with it."""
_BACKOFF_S: Final = (0.2, 5.0)


class Hearer(Protocol):
    """Who is told; all of it in the thread that listens."""

    def link_changed(self, error: Exception | None) -> None:
        """Events reach us from now on, or don't because of ``error``, which every vain try tells anew."""

    def turn(self, busy_s: float) -> None:
        """Something was read, or nothing for half a second.

        Args:
            busy_s: For how long there was always more to read than was taken in.
        """

    def hear(self, events: list[dict[str, Any]], unread: list[Exception], now: float) -> None:
        """Take in what came together.

        Args:
            events: In the order in which they came.
            unread: Why messages were no events; anybody may publish anything on the channel.
            now: Our monotonic clock.
        """


class EventListener:
    """Keeps a subscription open and comes back by itself after an outage."""

    def __init__(
        self,
        app: Celery,
        hearer: Hearer,
        subscription: Callable[[Celery], Subscription] = subscription_of,
    ) -> None:
        """Take what is needed; nothing is connected yet.

        Args:
            app: The fleet's app, or one with the same broker.
            hearer: Who is told.
            subscription: Makes a subscription; again after each outage.

        Raises:
            InvalidInputError: the broker is of a kind that can't be listened to.
        """
        self._app = app
        self._hearer = hearer
        self._subscribe = subscription
        self._subscription = subscription(app)
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let :meth:`run` return; any thread or signal handler may call it."""
        self._stop.set()

    def run(self) -> None:
        """Listen until stopped."""
        pause_s = _BACKOFF_S[0]
        while not self._stop.is_set():
            subscription = self._subscription
            try:
                subscription.open()
                self._hearer.link_changed(None)
                pause_s = _BACKOFF_S[0]
                self._listen(subscription)
            except LINK_ERRORS as error:
                self._hearer.link_changed(error)
            finally:
                subscription.close()
            if self._stop.wait(pause_s * random.uniform(0.8, 1.2)):  # noqa: S311 - spreads reconnects
                return
            pause_s = min(pause_s * 2, _BACKOFF_S[1])
            self._subscription = self._subscribe(self._app)

    def _listen(self, subscription: Subscription) -> None:
        heard = pinged = idle = since = time.monotonic()
        told = 0
        while not self._stop.is_set():
            payloads = subscription.read(_READ_TIMEOUT_S)
            now = time.monotonic()
            if payloads is None or not subscription.is_behind:
                idle = now
            self._hearer.turn(now - idle)
            if payloads is not None:
                heard = now
                told += self._tell(subscription, payloads, now)
            elif now - heard > _SILENCE_S:
                raise TimeoutError(f"the broker said nothing for {now - heard:.0f} s")
            if now - pinged > _PING_EVERY_S:
                subscription.ping()
                pinged = now
            if payloads and subscription.is_drained:
                # Many messages at one read cost less than half of what they cost one by one.
                each_s = (now - since) / max(told, 1)
                since, told = now, 0
                self._stop.wait(min(_NAP_S, _MOST_WAITING * each_s))
                idle = time.monotonic()

    def _tell(self, subscription: Subscription, payloads: list[Any], now: float) -> int:
        events: list[dict[str, Any]] = []
        unread: list[Exception] = []
        for payload in payloads:
            try:
                events.extend(subscription.events_of(payload))
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                unread.append(error)
        if payloads:
            self._hearer.hear(events, unread, now)
        return len(events)
