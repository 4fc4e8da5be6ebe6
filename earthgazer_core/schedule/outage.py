"""One line in the log when a service goes, and one when it is back."""

from __future__ import annotations

import logging
import time


class Outage:
    """What is known of one service's absence."""

    def __init__(self, logger: logging.Logger, service: str) -> None:
        self._logger = logger
        self._service = service
        self._began: float | None = None

    def goes_on(self, reason: object) -> None:
        """Note that the service is away; only the first time says so."""
        if self._began is None:
            self._began = time.monotonic()
            self._logger.error("beat waits for the %s, nothing is lost: %s", self._service, reason)

    def is_over(self) -> None:
        """Note that the service is there."""
        if self._began is not None:
            away_s = time.monotonic() - self._began
            self._began = None
            self._logger.warning("the %s is back after %.0f s: beat catches up", self._service, away_s)
