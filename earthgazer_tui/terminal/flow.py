"""Whether the terminal has taken the last frame, so that the next one may go out."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

ASK = "\x1b[6n"
"""Asks where the cursor is: the terminal answers once everything before has arrived and was drawn."""
PATIENCE_S = 10.0
"""A terminal that hasn't answered for so long may have lost the question with its link."""


class Flow:
    """Lets one frame be on its way at a time.

    A write that returns says little: pty, ssh and network keep many kilobytes. The terminal's own answer
    says that it has everything. One that never answers is fed as fast as its line takes it.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._end = self._written = 0
        self._is_asked = False
        self._asked_at = 0.0
        self._answers = False

    @property
    def is_open(self) -> bool:
        """Whether a frame may go out."""
        return self._written >= self._end and not self.is_answer_due

    @property
    def is_answer_due(self) -> bool:
        """Whether the terminal answers, and has not yet."""
        return self._answers and self._is_asked

    def reset(self) -> None:
        """Begin anew: nothing is known of the terminal."""
        self._end = self._written
        self._is_asked = self._answers = False

    def sent(self, end: int) -> None:
        """Note that a frame with a question at its end was given to the writer.

        Args:
            end: Characters that were ever given to it.
        """
        self._end = end
        self._is_asked = True
        self._asked_at = self._clock()

    def written(self, end: int) -> None:
        """Note how many characters in all the line has taken from the writer."""
        self._written = end

    def answered(self) -> bool:
        """Note an answer; return whether it was asked for."""
        was_asked, self._is_asked = self._is_asked, False
        self._answers = self._answers or was_asked
        return was_asked

    def give_up(self) -> bool:
        """Wait no longer for an answer that is long overdue; return whether it is."""
        is_overdue = self.is_answer_due and self._clock() - self._asked_at >= PATIENCE_S
        if is_overdue:
            self._is_asked = self._answers = False
        return is_overdue
