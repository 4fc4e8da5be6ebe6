"""When something that died may be started again: soon at first, ever later, and not for ever."""

from __future__ import annotations

import time

_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
_HEALTHY_AFTER_S = 60.0
_MOST_IN_A_ROW = 8


class Restarts:
    """Counts the deaths of one process and says when its next life may begin."""

    def __init__(self) -> None:
        self.count = 0
        self.started_at: float | None = None
        self._began = 0.0
        self._in_a_row = 0
        self._due: float | None = None

    def started(self) -> None:
        """Note that it was started."""
        self.started_at = time.time()
        self._began = time.monotonic()
        self._due = None

    def died(self) -> None:
        """Note that it died; a life long enough wipes the slate clean."""
        now = time.monotonic()
        self._in_a_row = 1 if now - self._began > _HEALTHY_AFTER_S else self._in_a_row + 1
        self._due = now + min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** (self._in_a_row - 1))
        self.count += 1

    @property
    def are_used_up(self) -> bool:
        """Whether it died too often in a row to be tried again."""
        return self._in_a_row > _MOST_IN_A_ROW

    @property
    def is_due(self) -> bool:
        """Whether the next life may begin now."""
        return self._due is not None and not self.are_used_up and time.monotonic() >= self._due
