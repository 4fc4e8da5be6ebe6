"""Levers on workers, ready for use: as many at once as are needed, so that no operator waits for another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from earthgazer_core.operations.controls.control import WorkerControl
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_tui.fleet.live.services import Services

ANSWER_WITHIN_S = 2.0
"""Longest wait for a worker's answer."""


class Controls:
    """Lends controls with open connections, and keeps those that come back.

    A mailbox asks one question at a time, and one to a dead worker takes its whole time limit.
    """

    def __init__(self, services: Services, living: Callable[[], tuple[str, ...]]) -> None:
        self._services = services
        self._living = living
        self._lock = Lock()
        self._idle: list[WorkerControl] = []
        self._is_closed = False

    @contextmanager
    def lent(self) -> Iterator[WorkerControl]:
        """Yield a control that nobody else uses meanwhile.

        Raises:
            RefusedError: there is no broker.
        """
        with self._lock:
            control = self._idle.pop() if self._idle else None
        if control is None:
            control = self._made()
        control.known = self._living()
        try:
            yield control
        finally:
            control.on_refused = control.on_done = None
            with self._lock:
                is_kept = not self._is_closed
                if is_kept:
                    self._idle.append(control)
            if not is_kept:
                _close(control)

    @property
    def is_open(self) -> bool:
        """Whether the fleet is still looked at."""
        return not self._is_closed

    def close(self) -> None:
        """Close those that are not in use; the others close when they come back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for control in idle:
            _close(control)

    def _made(self) -> WorkerControl:
        services = self._services
        app = services.need_app()
        return WorkerControl(
            app,
            Mailbox(app),
            database=services.database,
            context=services.context,
            timeout_s=ANSWER_WITHIN_S,
        )


def _close(control: WorkerControl) -> None:
    control.close()
    control.mailbox.close()
