"""A console whose terminal takes nothing, types nonsense, or has gone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaigns.faulty_terminal import FaultyTerminal
from tests.tui.terminal.test_driver import COUNTER, ROOT

DEADLINE_S = 40.0
FLOOD = COUNTER.replace("self.n += 1", "self.n += 1; self._driver.write('\\x1b]52;c;' + 'A' * 5000 + '\\a')")
"""Also writes past the frames, as copies and bells do."""


def counter(directory: Path, source: str = COUNTER, *, is_controlling: bool = True) -> FaultyTerminal:
    """Start the counter."""
    return FaultyTerminal(
        [sys.executable, "-c", source], env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)},
        cwd=directory, columns=80, lines=24, is_controlling=is_controlling, answers=False,
    )  # fmt: skip


@pytest.fixture
def flood(tmp_path: Path) -> Iterator[FaultyTerminal]:
    with counter(tmp_path, FLOOD) as terminal:
        yield terminal


def test_a_terminal_that_takes_nothing_keeps_nobody_from_leaving_and_is_restored(
    flood: FaultyTerminal,
) -> None:
    flood.wait_for("count")
    flood.stop_reading()
    # Whoever waits for the terminal would not get to this key.
    flood.press("q")
    assert flood.wait_exit(DEADLINE_S) == 0
    assert flood.complaints() == []


def test_a_terminal_that_has_gone_ends_the_console_without_a_signal(tmp_path: Path) -> None:
    with counter(tmp_path, is_controlling=False) as terminal:
        terminal.wait_for("count")
        terminal.hang_up()
        assert terminal.wait_exit(DEADLINE_S) == 0


def test_bytes_that_are_no_utf_8_end_nothing(tmp_path: Path) -> None:
    with counter(tmp_path) as terminal:
        terminal.wait_for("count")
        terminal.type_bytes(b"\xff\xfe\x80 \xe9")
        terminal.press("q")
        assert terminal.wait_exit(DEADLINE_S) == 0


def test_a_stopped_console_leaves_the_terminal_as_it_was_and_comes_back(tmp_path: Path) -> None:
    with counter(tmp_path) as terminal:
        terminal.wait_for("count")
        terminal.process.send_signal(signal.SIGTSTP)
        _, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert terminal.complaints() == []
        length = len(terminal.received)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait_until(lambda _: b"count" in terminal.received[length:], DEADLINE_S)
        terminal.press("q")
        assert terminal.wait_exit(DEADLINE_S) == 0
        assert terminal.complaints() == []
