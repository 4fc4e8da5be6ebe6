"""A program in a real pseudo-terminal, and what its user would see."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import pyte

from tests.product.lenient_screen import LenientScreen

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "ctrl+a": "\x01",
    "ctrl+c": "\x03",
    "ctrl+p": "\x10",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "end": "\x1b[F",
    "tab": "\t",
    "space": " ",
}


class Terminal:
    """Runs one program in a pty and keeps the screen that it draws."""

    def __init__(
        self, command: Sequence[str], *, columns: int = 80, lines: int = 24, env: Mapping[str, str], cwd: Path
    ) -> None:
        self.received = bytearray()
        self._screen = LenientScreen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._exit_code: int | None = None
        pid, self._fd = pty.fork()
        if pid == 0:
            os.chdir(cwd)
            os.execvpe(command[0], list(command), dict(env))  # noqa: S606 - the child becomes the program under test
        self.pid = pid
        self.process = psutil.Process(pid)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._reader = threading.Thread(target=self._read, name="terminal-reader", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._fd], [], [], 0.5)
            if not ready:
                if self._exit_code is not None:
                    return
                continue
            try:
                data = os.read(self._fd, 65536)
            except OSError:  # the other end of a pty closes with EIO
                return
            if not data:
                return
            with self._lock:
                self.received += data
                self._stream.feed(data)

    def text(self) -> str:
        """Return the screen as lines of text."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display)

    def wait_for(self, *words: str, timeout_s: float = 30) -> str:
        """Return the screen once all words are on it.

        Raises:
            AssertionError: they did not come in time; the message holds the screen.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            text = self.text()
            if all(word in text for word in words):
                return text
            if self.exit_code() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"{words} not on the screen within {timeout_s} s:\n{self.text()}")

    def press(self, *keys: str) -> None:
        """Type keys: single characters or names of :data:`KEYS`."""
        for key in keys:
            os.write(self._fd, KEYS.get(key, key).encode())

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        self.process.send_signal(number)

    def hang_up(self) -> None:
        """Close the terminal, as a lost link does."""
        os.close(self._fd)
        self._fd = -1

    def exit_code(self) -> int | None:
        """Return the program's exit code, negative for a signal; None while it runs."""
        if self._exit_code is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self._exit_code = os.waitstatus_to_exitcode(status)
        return self._exit_code

    def wait_exit(self, timeout_s: float = 30) -> int:
        """Return the exit code once the program ended.

        Raises:
            AssertionError: it did not end in time; the message holds the screen.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            code = self.exit_code()
            if code is not None:
                return code
            time.sleep(0.05)
        raise AssertionError(f"still running after {timeout_s} s:\n{self.text()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.exit_code() is None:
            self.process.kill()
            self.wait_exit()
        if self._fd >= 0:
            os.close(self._fd)
        self._reader.join(timeout=5)
