"""The driver in a real terminal: one frame on its way, and the newest state next."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from earthgazer_tui.terminal.flow import ASK

COUNTER = """
from textual.widgets import Static
from earthgazer_tui.terminal.driver import FrameDriver
from earthgazer_tui.terminal.framed_app import FramedApp

class Counter(FramedApp):
    BINDINGS = [("q", "quit", "Quit")]
    n = 0
    def compose(self):
        yield Static("", markup=False)
    def on_mount(self):
        self.set_interval(0.02, self.count)
    def count(self):
        self.n += 1
        self.query_one(Static).update(f"count {self.n:06d}")

Counter(driver_class=FrameDriver).run(mouse=False)
"""
ANSWER = b"\x1b[1;1R"
COUNT = re.compile(rb"\d+")
QUESTION = ASK.encode()
DEADLINE_S = 40.0
ROOT = Path(__file__).parents[3]


class Line:
    """The master's end of the terminal that the counter runs on."""

    def __init__(self, master: int) -> None:
        self.master = master

    def frame(self) -> bytes:
        """Return what is written until the next question."""
        data, deadline = b"", monotonic() + DEADLINE_S
        while QUESTION not in data:
            assert monotonic() < deadline, data[-500:]
            data += self.what_comes_within(0.1)
        return data

    def what_comes_within(self, seconds: float) -> bytes:
        """Return what is written next, nothing if that is nothing."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        return os.read(self.master, 65_536) if ready else b""

    def answer(self) -> None:
        """Tell that everything has arrived."""
        os.write(self.master, ANSWER)


@pytest.fixture
def line() -> Iterator[Line]:
    """Run the counter."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(
        [sys.executable, "-c", COUNTER], stdin=slave, stdout=slave, stderr=slave, env=env, cwd=ROOT
    ) as process:
        os.close(slave)
        try:
            yield Line(master)
        finally:
            process.kill()
    os.close(master)


def test_nothing_is_sent_before_the_terminal_has_the_last_frame_and_then_the_newest_state(line: Line) -> None:
    line.frame()
    line.answer()
    last = line.frame()
    while not COUNT.search(last):
        line.answer()
        last = line.frame()
    # A frame that was sent before the first answer came may still be on its way.
    while more := line.what_comes_within(0.5):
        last = more
    assert line.what_comes_within(1.0) == b""
    line.answer()
    newest = line.frame()
    assert newest.count(QUESTION) == 1
    assert len(newest) < 100


def test_a_terminal_that_never_answers_is_fed_all_the_same(line: Line) -> None:
    frames = [line.frame() for _ in range(5)]
    assert all(QUESTION in frame for frame in frames)


def test_the_mouse_is_not_asked_for(line: Line) -> None:
    written = line.frame() + line.frame()
    assert not re.search(rb"\x1b\[\?(?:1000|1002|1003|1006|1015|1016)h", written)
