"""Writes to the terminal in a thread of its own; nobody ever waits for a terminal that reads nothing."""

from __future__ import annotations

import os
import select
import termios
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

STALLED_S: Final = 1.0
"""A terminal that has taken nothing for so long is not waited for on leaving."""
LAST_WORDS_S: Final = 10.0
"""Longest wait on leaving for a terminal that takes what is written, however slowly."""

_LONGEST: Final = 4_000_000
"""Characters that may wait; what comes beyond is lost. Frames wait for each other, copies and bells don't."""
_TICK_S: Final = 0.2
_CHUNK: Final = 4096
_ABORT: Final = b"\x18"
"""Ends a sequence that was cut in its middle."""


class Writer:
    """Takes text from any thread at once, and writes it as fast as the terminal takes it."""

    def __init__(
        self,
        fileno: int,
        encoding: str,
        on_written: Callable[[int], None],
        on_lost: Callable[[], None],
    ) -> None:
        """Open the terminal once more: a write that doesn't wait would else concern the shell as well.

        Args:
            fileno: The terminal.
            encoding: Of what is written.
            on_written: Told, in the thread that writes, how many characters in all the terminal has taken,
                whenever that is all there is.
            on_lost: Told there, once, that the terminal has gone.
        """
        self._encoding = encoding
        self._on_written = on_written
        self._on_lost = on_lost
        self._texts: deque[str] = deque()
        self._last: deque[str] = deque()
        self._waiting = self._given = 0
        self._is_leaving = self._is_over = self._is_hurried = self._is_lost = False
        self._moved_at = time.monotonic()
        self._changed = threading.Condition()
        self.stand_ins: Mapping[int, str] | None = None
        """What is written for letters that the terminal doesn't know; None where it knows them all."""
        try:
            self._fd = os.open(os.ttyname(fileno), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            # A terminal without a name here, as in some containers: then a write may wait, in this thread.
            self._fd = os.dup(fileno)
        self._thread = threading.Thread(target=self._run, name="terminal-writer", daemon=True)
        self._thread.start()

    @property
    def given(self) -> int:
        """Characters that were ever given to it."""
        return self._given

    def write(self, text: str) -> None:
        """Take text; returns at once."""
        with self._changed:
            self._given += len(text)
            if self._is_lost or self._waiting + len(text) > _LONGEST:
                return
            (self._last if self._is_leaving else self._texts).append(text)
            self._waiting += len(text)
            self._changed.notify_all()

    def leave(self) -> None:
        """Take what is written from now on for what restores the terminal."""
        self._is_leaving = True

    def stop(self) -> None:
        """Write what is left, as far as the terminal takes it, and end.

        Where it takes nothing, what waits in it is thrown away, so that it is at least restored.
        """
        began = time.monotonic()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        while self._thread.is_alive() and not self._is_stalled(began):
            self._thread.join(_TICK_S)
        if self._thread.is_alive():
            with suppress(termios.error):
                termios.tcflush(self._fd, termios.TCOFLUSH)
            with self._changed:
                self._is_hurried = True
            self._thread.join(STALLED_S)
        if not self._thread.is_alive():
            os.close(self._fd)

    def _is_stalled(self, began: float) -> bool:
        now = time.monotonic()
        return now - max(began, self._moved_at) > STALLED_S or now - began > LAST_WORDS_S

    def _run(self) -> None:
        try:
            while (found := self._next()) is not None:
                self._send(*found)
                with self._changed:
                    is_all, given = not (self._texts or self._last), self._given
                if is_all:
                    self._on_written(given)
        except OSError:
            # A terminal that has gone takes nothing more, and nobody sees what is missing.
            with self._changed:
                self._is_lost = True
                self._texts.clear()
                self._last.clear()
            self._on_lost()

    def _next(self) -> tuple[str, bool] | None:
        """Return (what is to be written next, whether it restores the terminal), None if that was all."""
        with self._changed:
            while not (self._texts or self._last or self._is_over):
                self._changed.wait()
            if self._is_hurried:
                self._texts.clear()
            is_last = not self._texts
            texts = self._last if is_last else self._texts
            if not texts:
                return None
            text = "".join(texts)
            texts.clear()
            self._waiting -= len(text)
            return text, is_last

    def _send(self, text: str, is_last: bool) -> None:
        if self.stand_ins is not None:
            text = text.translate(self.stand_ins)
        left = memoryview(text.encode(self._encoding, "replace"))
        is_cut = False
        while left:
            if self._is_hurried and not is_last and not is_cut:
                left, is_cut = memoryview(_ABORT), True
            if not select.select([], [self._fd], [], _TICK_S)[1]:
                continue
            with suppress(BlockingIOError):
                left = left[os.write(self._fd, left[:_CHUNK]) :]
                self._moved_at = time.monotonic()
