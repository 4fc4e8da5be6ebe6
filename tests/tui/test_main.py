"""The console as a process on a real terminal: how it ends."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pyte
import pytest
from click.testing import CliRunner

from earthgazer_tui.__main__ import main

DEADLINE_S = 20.0
ROOT = Path(__file__).parents[2]
CONSOLE = """
import asyncio, pathlib, sys
from earthgazer_tui.__main__ import run
from earthgazer_tui.app import ConsoleApp
from tests.tui.scripted_fleet import ScriptedFleet

class Fleet(ScriptedFleet):
    async def close(self, choice):
        pathlib.Path(sys.argv[1]).write_text(repr(choice and choice.value))

sys.exit(asyncio.run(run(ConsoleApp(Fleet))))
"""

PATIENT_CONSOLE = """
import asyncio, pathlib, sys
from earthgazer_tui.__main__ import run
from earthgazer_tui.app import ConsoleApp
from earthgazer_tui.fleet.models import WorkInProgress
from tests.tui.scripted_fleet import ScriptedFleet

class Fleet(ScriptedFleet):
    async def close(self, choice):
        self.closed_with.append(choice.value)
        pathlib.Path(sys.argv[1]).write_text(" ".join(self.closed_with))
        if choice.value == "wait":
            await asyncio.Event().wait()

fleet = Fleet()
fleet.work = WorkInProgress(is_embedded=True, other_consoles=0, running=1, waiting=0)
sys.exit(asyncio.run(run(ConsoleApp(lambda: fleet))))
"""

FAILING_CONSOLE = """
import asyncio, sys
from earthgazer_tui.__main__ import run
from earthgazer_tui.app import ConsoleApp
from earthgazer_tui.console_log import log_to_file
from tests.tui.scripted_fleet import ScriptedFleet

class Fleet(ScriptedFleet):
    async def captures(self, text="", limit=500):
        secret = "hunter2"
        raise ZeroDivisionError("a mistake of ours")

log_to_file(str)
sys.exit(asyncio.run(run(ConsoleApp(Fleet))))
"""


class Terminal:
    """A process on a terminal of 80×24."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", **environment},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.output = b""
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)

    def read_until(self, text: bytes) -> None:
        """Read until the process has written a text, in one go or where it leaves cells as they are."""
        deadline = monotonic() + DEADLINE_S
        while text not in self.output and text.decode() not in "\n".join(self._screen.display):
            assert monotonic() < deadline, self.output[-2000:]
            self._read(0.1)

    def end(self) -> int:
        """Wait for the process to end and return its exit code."""
        deadline = monotonic() + DEADLINE_S
        while self.process.poll() is None:
            assert monotonic() < deadline, self.output[-2000:]
            self._read(0.1)
        self._read(0.0)
        return self.process.returncode

    def hang_up(self) -> None:
        """Drop the link."""
        os.close(self.master)
        self.master = -1

    def _read(self, wait_s: float) -> None:
        if self.master < 0:
            self.process.wait(DEADLINE_S)
            return
        while select.select([self.master], [], [], wait_s)[0]:
            try:
                chunk = os.read(self.master, 65536)
            except OSError:
                return
            if not chunk:
                return
            self.output += chunk
            self._stream.feed(chunk)
            wait_s = 0.0


@contextmanager
def on_terminal(*arguments: str, **environment: str) -> Iterator[Terminal]:
    terminal = Terminal(arguments, environment)
    try:
        yield terminal
    finally:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.process.wait()
        if terminal.master >= 0:
            os.close(terminal.master)


def is_restored(output: bytes) -> bool:
    """Return whether the alternate screen was left and the cursor shown again."""
    return output.rfind(b"\x1b[?1049l") > output.rfind(b"\x1b[?1049h") and b"\x1b[?25h" in output


@pytest.mark.parametrize(
    ("ending", "choice"),
    [(b"q", "'stop'"), (b"\x03", "None"), (signal.SIGTERM, "None"), (signal.SIGHUP, "None")],
)
def test_every_end_closes_the_fleet_and_restores_the_terminal(
    tmp_path: Path, ending: bytes | signal.Signals, choice: str
) -> None:
    closed = tmp_path / "closed"
    with on_terminal("-c", CONSOLE, str(closed)) as terminal:
        terminal.read_until(b"No alerts")
        if isinstance(ending, bytes):
            os.write(terminal.master, ending)
        else:
            terminal.process.send_signal(ending)
        assert terminal.end() == 0
        assert is_restored(terminal.output)
    assert closed.read_text() == choice


@pytest.mark.parametrize(
    ("ending", "closed_with"), [(b"\x03", "wait stop"), (signal.SIGTERM, "wait"), (signal.SIGHUP, "wait")]
)
def test_waiting_for_running_tasks_can_be_cut_short(
    tmp_path: Path, ending: bytes | signal.Signals, closed_with: str
) -> None:
    closed = tmp_path / "closed"
    with on_terminal("-c", PATIENT_CONSOLE, str(closed)) as terminal:
        terminal.read_until(b"No alerts")
        os.write(terminal.master, b"q")
        terminal.read_until(b"Quit with work in progress?")
        os.write(terminal.master, b"w")
        terminal.read_until(b"Waiting for running tasks")
        if isinstance(ending, bytes):
            os.write(terminal.master, ending)
        else:
            terminal.process.send_signal(ending)
        assert terminal.end() == 0
    assert closed.read_text() == closed_with


def test_a_mistake_of_ours_is_one_line_and_its_traceback_is_in_the_log_without_values(tmp_path: Path) -> None:
    with on_terminal("-c", FAILING_CONSOLE, HOME=str(tmp_path), XDG_STATE_HOME=str(tmp_path)) as terminal:
        terminal.read_until(b"No alerts")
        os.write(terminal.master, b"2")
        assert terminal.end() == 1
        assert is_restored(terminal.output)
    after = terminal.output[terminal.output.rfind(b"\x1b[?1049l") :].decode()
    assert "internal error (ZeroDivisionError)" in after
    assert "Traceback" not in after
    [log] = tmp_path.rglob("console.log")
    assert "a mistake of ours" in log.read_text()
    assert "hunter2" not in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_a_dropped_link_closes_the_fleet(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    with on_terminal("-c", CONSOLE, str(closed)) as terminal:
        terminal.read_until(b"No alerts")
        terminal.hang_up()
        terminal.process.wait(DEADLINE_S)
    assert closed.read_text() == "None"


def test_a_wrong_setting_is_one_clear_line_and_exit_code_2() -> None:
    with on_terminal("-m", "earthgazer_tui", EARTHGAZER__DATABASE__PORT="many") as terminal:
        assert terminal.end() == 2
        assert is_restored(terminal.output)
        after = terminal.output[terminal.output.rfind(b"\x1b[?1049l") :].decode()
        assert "EARTHGAZER__DATABASE__PORT" in after
        assert "Traceback" not in after


@pytest.mark.parametrize(
    "arguments", [["--refresh", "0"], ["--broker", "nonsense"], ["--replay", "x"], ["--app", "x"]]
)
def test_wrong_and_unknown_options_are_refused(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "Error" in result.output


def test_a_url_that_is_refused_is_not_repeated() -> None:
    result = CliRunner().invoke(main, ["--broker", "redis:/user:hunter2@host"])
    assert result.exit_code == 2
    assert "hunter2" not in result.output


def test_no_terminal_is_said_in_one_line() -> None:
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    assert "needs a terminal" in result.output
