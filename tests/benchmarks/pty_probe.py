"""A program in a pty, its raw bytes with the time at which they came, over a line as slow as is wanted."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.benchmarks.glass import Glass
from tests.benchmarks.process import TICKS_PER_S

_CURSOR_QUESTION = b"\x1b[6n"
_SYNC_QUESTION = b"\x1b[?2026$p"
_QUESTION = re.compile(rb"\x1b\[6n|\x1b\[\?2026\$p")
_ANSWERS = {_CURSOR_QUESTION: b"\x1b[1;1R", _SYNC_QUESTION: b"\x1b[?2026;2$y"}
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Line:
    """What is between the program and the eyes of its user."""

    bytes_per_s: float = 0.0
    """What it carries; 0 for all there is."""
    delay_s: float = 0.0
    """Time that anything takes one way."""
    buffer_bytes: int = 65_536
    """What sshd and the network take from the program before they make it wait."""


LOCAL = Line()
"""A terminal on the same machine."""
SLOW = Line(9_600.0, 0.150, 32_768)
"""9.6 kB/s and a round trip of 300 ms."""


class Probe:
    """Runs a program in a session of its own, reads what it writes, and answers as a terminal does."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 80,
        lines: int = 24,
        env: Mapping[str, str],
        cwd: Path,
        line: Line = LOCAL,
        answers: bool = True,
    ) -> None:
        """Start the program.

        Args:
            command: The program and its options.
            columns: Width of the terminal.
            lines: Its height.
            env: The program's environment.
            cwd: Its working directory.
            line: What is between it and us.
            answers: Whether the terminal answers questions, as nearly all do.
        """
        self._line = line
        self._answers = answers
        self._lock = threading.Condition()
        self._received = bytearray()
        self._marks: list[tuple[float, int]] = []
        self._is_over = False
        self._glass = Glass(columns, lines)
        self._awaited: Callable[[Glass], bool] | None = None
        self._came_at: float | None = None
        self.began = time.monotonic()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(command[0], list(command), dict(env))  # noqa: S606 - the program under test
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._back: deque[tuple[float, bytes]] = deque()
        self._thread = threading.Thread(target=self._carry, name="pty-probe", daemon=True)
        self._thread.start()

    # ── the line ──────────────────────────────────────────────────────────
    def _carry(self) -> None:
        line = self._line
        under_way: deque[tuple[float, bytes]] = deque()
        held, free_at, tail = 0, 0.0, b""
        while True:
            now = time.monotonic()
            while under_way and under_way[0][0] <= now:
                data = under_way.popleft()[1]
                held -= len(data)
                tail = self._arrive(now, data, tail)
            while self._back and self._back[0][0] <= now:
                os.write(self._fd, self._back.popleft()[1])
            wait = 0.2
            if under_way or self._back:
                dues = [queue[0][0] for queue in (under_way, self._back) if queue]
                wait = max(0.0, min(dues) - now)
            can_take = held < line.buffer_bytes
            ready, _, _ = select.select([self._fd] if can_take else [], [], [], min(wait, 0.05))
            if not ready:
                continue
            try:
                data = os.read(self._fd, _CHUNK if not line.bytes_per_s else 256)
            except OSError:  # the other end of a pty closes with EIO
                data = b""
            if not data:
                break
            now = time.monotonic()
            if not line.bytes_per_s and not line.delay_s:
                tail = self._arrive(now, data, tail)
                continue
            free_at = max(now, free_at) + (len(data) / line.bytes_per_s if line.bytes_per_s else 0.0)
            under_way.append((free_at + line.delay_s, data))
            held += len(data)
        with self._lock:
            self._is_over = True
            self._lock.notify_all()

    def _arrive(self, now: float, data: bytes, tail: bytes) -> bytes:
        """Take what has arrived at the terminal, and answer; return what may be half a question."""
        with self._lock:
            self._received += data
            self._marks.append((now, len(self._received)))
            self._glass.feed(data)
            if self._awaited is not None and self._awaited(self._glass):
                self._awaited, self._came_at = None, now
            self._lock.notify_all()
        if not self._answers:
            return b""
        text = tail + data
        end = 0
        for found in _QUESTION.finditer(text):
            self._type(_ANSWERS[found[0]])
            end = found.end()
        return text[max(end, len(text) - 8) :]

    def _type(self, data: bytes) -> None:
        if self._line.delay_s:
            self._back.append((time.monotonic() + self._line.delay_s, data))
        else:
            os.write(self._fd, data)

    # ── what its user does and sees ───────────────────────────────────────
    def press(self, keys: str) -> tuple[float, int]:
        """Type; return (time, bytes received so far)."""
        with self._lock:
            at = len(self._received)
        now = time.monotonic()
        self._type(keys.encode())
        return now, at

    @property
    def position(self) -> int:
        """Bytes received so far."""
        with self._lock:
            return len(self._received)

    def since(self, position: int) -> bytes:
        """Return what came since then."""
        with self._lock:
            return bytes(self._received[position:])

    def text(self) -> str:
        """Return what is on the screen."""
        with self._lock:
            return self._glass.text()

    def line(self, y: int) -> str:
        """Return one line of the screen."""
        with self._lock:
            return self._glass.line(y)

    def wait_for(
        self, what: str | Callable[[Glass], bool], timeout_s: float = 30.0, *, keys: str = ""
    ) -> float:
        """Return when something was on the screen, after typing ``keys``.

        Args:
            what: A text, or whether the screen is as awaited.
            timeout_s: For how long to wait.
            keys: What to type once we look.

        Raises:
            TimeoutError: it did not come; the message has the screen.
        """
        awaited = what if callable(what) else lambda glass: what in glass.text()
        deadline = time.monotonic() + timeout_s
        with self._lock:
            self._came_at = time.monotonic() if not keys and awaited(self._glass) else None
            self._awaited = awaited if self._came_at is None else None
        if keys:
            self._type(keys.encode())
        with self._lock:
            while self._came_at is None:
                left = deadline - time.monotonic()
                if left <= 0 or self._is_over:
                    self._awaited = None
                    raise TimeoutError(f"{what!r} did not come in {timeout_s:g} s:\n{self._glass.text()}")
                self._lock.wait(min(left, 0.2))
            return self._came_at

    def frame_end_after(self, at: float, end: bytes = _CURSOR_QUESTION, timeout_s: float = 10.0) -> float:
        """Return when the frame of which something had arrived by then was there as a whole."""
        deadline = time.monotonic() + timeout_s
        with self._lock:
            start = next(position for when, position in self._marks if when >= at)
            while (found := self._received.find(end, max(0, start - len(end)))) < 0:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no end of a frame in {timeout_s:g} s")
                self._lock.wait(0.2)
            return next(when for when, position in self._marks if position >= found + len(end))

    def last_arrival(self) -> float:
        """Return when anything arrived last."""
        with self._lock:
            return self._marks[-1][0] if self._marks else self.began

    def wait_quiet(self, quiet_s: float, timeout_s: float = 30.0) -> None:
        """Wait until nothing has arrived for a while."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() - self.last_arrival() < quiet_s and time.monotonic() < deadline:
            time.sleep(0.01)

    # ── the program ───────────────────────────────────────────────────────
    @property
    def cpu_s(self) -> float:
        """Processor time so far, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def memory_mb(self, name: str = "VmRSS") -> float:
        """Return resident memory now, or its peak (``VmHWM``)."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise RuntimeError(f"no {name} of process {self.pid}")

    def wait_exit(self, timeout_s: float = 30.0) -> None:
        """Return once the program has left the terminal of its own accord.

        Raises:
            TimeoutError: it did not; the message has the screen.
        """
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise TimeoutError(f"still running after {timeout_s:g} s:\n{self.text()}")

    def close(self) -> None:
        """End the program, politely at first."""
        deadline = time.monotonic() + 10.0
        os.kill(self.pid, signal.SIGTERM)
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                break
            time.sleep(0.02)
        self._thread.join(5.0)
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
