"""How often something may be done: at once after a rest, at a steady pace in the long run."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

BURST = 4.0
"""Turns that a rest saves up, so that what a key press changes is seen at once."""


class Pace:
    """A bucket of turns that fills up by one every ``every_s`` seconds."""

    def __init__(self, every_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._turns = BURST
        self._filled_at = clock()

    def wait_s(self) -> float:
        """Return for how long to wait before the next turn; 0 where it may be taken now."""
        self._fill()
        return max(0.0, (1.0 - self._turns) * self._every_s)

    def spend(self) -> None:
        """Take a turn, also one that wasn't waited for."""
        self._fill()
        self._turns = max(0.0, self._turns - 1.0)

    def _fill(self) -> None:
        now = self._clock()
        self._turns = min(BURST, self._turns + (now - self._filled_at) / self._every_s)
        self._filled_at = now
