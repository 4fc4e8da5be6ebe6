"""A terminal that fails as terminals do: resized, read no more, stopped, hung up; and what it is left in."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyte

from tests.product.lenient_screen import LenientScreen
from tests.product.terminal import KEYS

_QUESTIONS: Final = {b"\x1b[6n": b"\x1b[1;1R", b"\x1b[?2026$p": b"\x1b[?2026;2$y"}
_QUESTION: Final = re.compile(rb"\x1b\[6n|\x1b\[\?2026\$p")
_MODES: Final = re.compile(rb"\x1b\[\?([\d;]+)([hl])")
_KITTY: Final = re.compile(rb"\x1b\[([<>])(\d*)u")
_LINK: Final = re.compile(rb"\x1b\]8;[^;\x07\x1b]*;([^\x07\x1b]*)(?:\x07|\x1b\\)")
_RESTORED: Final = {
    b"1049": False, b"25": True, b"7": True, b"1000": False, b"1002": False, b"1003": False, b"1004": False,
    b"1006": False, b"1015": False, b"1016": False, b"2004": False, b"2026": False, b"2048": False,
}  # fmt: skip
"""Modes of a terminal at a shell's prompt."""
CONTROLLING: Final = (
    "import fcntl, os, sys, termios;"
    " fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)
"""Takes the terminal as a login does, so that its end is told by a signal."""


class FaultyTerminal:
    """Runs one program in a session of its own, and draws what it writes.

    Both ends are held, so that what the program leaves behind can be looked at after its end.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        columns: int = 120,
        lines: int = 40,
        is_controlling: bool = True,
        answers: bool = True,
    ) -> None:
        """Start the program.

        Args:
            command: The program and its options.
            env: The program's environment.
            cwd: Its working directory.
            columns: Width of the terminal.
            lines: Its height.
            is_controlling: Whether the kernel tells the program of the terminal's end.
            answers: Whether questions of the program are answered.
        """
        self.received = bytearray()
        self._answers = answers
        self._screen = LenientScreen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._is_reading = threading.Event()
        self._is_reading.set()
        self._is_whole = True
        self._is_over = threading.Event()
        self._master, self._slave = pty.openpty()
        self._set_size(columns, lines)
        self._attributes_before = termios.tcgetattr(self._slave)
        before = (sys.executable, "-c", CONTROLLING) if is_controlling else ()
        self.process = subprocess.Popen(
            [*before, *command], stdin=self._slave, stdout=self._slave, stderr=self._slave, env=dict(env),
            cwd=cwd, start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, name="terminal-reader", daemon=True)
        self._reader.start()

    # ── what it does ──────────────────────────────────────────────────────
    def press(self, *keys: str) -> None:
        """Type keys: single characters or names of ``KEYS``."""
        for key in keys:
            os.write(self._master, KEYS.get(key, key).encode())

    def type_bytes(self, data: bytes) -> None:
        """Send what no key sends."""
        os.write(self._master, data)

    def enter(self, line: str) -> None:
        """Type a command line."""
        self.press(":")
        self.press(*line, "enter")

    def resize(self, columns: int, lines: int) -> None:
        """Take another size, which the kernel tells the program."""
        with self._lock:
            self._screen.resize(lines, columns)
        self._set_size(columns, lines)
        # Only the group in front of a controlling terminal is told by the kernel.
        self.process.send_signal(signal.SIGWINCH)

    def stop_reading(self) -> None:
        """Take nothing more of what is written, as a frozen link does."""
        # Whoever leaves may throw away what waits here, and cut a sequence by that.
        self._is_whole = False
        self._is_reading.clear()

    def read_again(self) -> None:
        """Take what is written."""
        self._is_reading.set()

    def hang_up(self) -> None:
        """Go, as a terminal does whose window is closed."""
        self._is_over.set()
        self._is_reading.set()
        self._reader.join()
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    # ── what is on it ─────────────────────────────────────────────────────
    def text(self) -> str:
        """Return the screen as lines of text."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display)

    def wait_until(self, is_there: Callable[[str], object], timeout_s: float = 60.0) -> str:
        """Return the screen once it is as wanted.

        Raises:
            TimeoutError: it did not become so, or the program ended; the message holds the screen.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            text = self.text()
            if is_there(text):
                return text
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise TimeoutError(f"not on the screen (exit code {self.process.poll()}):\n{text}")
            time.sleep(0.03)

    def wait_for(self, *words: str, timeout_s: float = 60.0) -> str:
        """Return the screen once all words are on it; see :meth:`wait_until`."""
        try:
            return self.wait_until(lambda text: all(word in text for word in words), timeout_s)
        except TimeoutError as error:
            raise TimeoutError(f"{words} {error}") from None

    def wait_exit(self, timeout_s: float = 30.0) -> int | None:
        """Return the exit code once the program ended, None if it does not in time."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    # ── what it is left in ────────────────────────────────────────────────
    def complaints(self) -> list[str]:
        """Return how the terminal, after all was read, differs from one at a shell's prompt."""
        self._drain()
        written = bytes(self.received)
        found = []
        if self._is_whole and self._screen.ignored:
            found.append(f"sequences that mean nothing: {self._screen.ignored}")
        modes = {
            mode: match[2] == b"h" for match in _MODES.finditer(written) for mode in match[1].split(b";")
        }
        for mode, wanted in _RESTORED.items():
            if modes.get(mode, wanted) is not wanted:
                found.append(f"mode {mode.decode()} is left {'on' if modes[mode] else 'off'}")
        pushed = sum(1 if match[1] == b">" else -int(match[2] or 1) for match in _KITTY.finditer(written))
        if pushed > 0:
            found.append(f"{pushed} keyboard modes are left on kitty's stack")
        links = _LINK.findall(written)
        if links and links[-1]:
            found.append("a hyperlink is left open")
        if self._slave >= 0:
            attributes: list[Any] = termios.tcgetattr(self._slave)
            if attributes != self._attributes_before:
                found.append(f"termios is {attributes}, was {self._attributes_before}")
        return found

    def _drain(self) -> None:
        self._is_reading.set()
        length = -1
        while length != len(self.received):
            length = len(self.received)
            time.sleep(0.3)

    def _read(self) -> None:
        tail = b""
        while not self._is_over.is_set():
            self._is_reading.wait()
            if not select.select([self._master], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self._master, 65_536)
            except OSError:
                return
            with self._lock:
                self.received += data
                self._stream.feed(data)
            if self._answers:
                tail = self._answer(tail + data)

    def _answer(self, text: bytes) -> bytes:
        end = 0
        for found in _QUESTION.finditer(text):
            os.write(self._master, _QUESTIONS[found[0]])
            end = found.end()
        return text[max(end, len(text) - 8) :]

    def close(self) -> None:
        """End the program, and go."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._master >= 0:
            self.hang_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
