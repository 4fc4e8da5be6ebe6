"""A console in a terminal of its own, over an embedded stack of its own; nothing is left of either."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.product.terminal import Terminal


@dataclass
class Product:
    """Starts consoles over one state directory."""

    state_dir: Path
    home: Path
    open_terminals: ExitStack = field(default_factory=ExitStack)

    @property
    def env(self) -> dict[str, str]:
        """Environment of an operator's shell."""
        # A terminal has a size of its own, pytest's workers name another; what is kept goes under this home.
        keep = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("EARTHGAZER", "XDG_")) and name not in ("COLUMNS", "LINES")
        }
        return {**keep, "HOME": str(self.home), "TERM": "xterm-256color", "LANG": "C.UTF-8"}

    def console(self, *options: str, columns: int = 80, lines: int = 24) -> Terminal:
        """Start a console; it is ended with the test at the latest."""
        command = [sys.executable, "-m", "earthgazer_tui", "--state-dir", str(self.state_dir), *options]
        terminal = Terminal(command, columns=columns, lines=lines, env=self.env, cwd=self.home)
        return self.open_terminals.enter_context(terminal)

    def command(self, *words: str) -> list[str]:
        """Return a command line of ``earthgazer`` for this state directory."""
        program = Path(sys.executable).with_name("earthgazer")
        return [str(program), "--state-dir", str(self.state_dir), *words]

    def processes(self) -> list[psutil.Process]:
        """Return every process that works for this state directory."""
        return [one for one in psutil.process_iter() if one.pid != os.getpid() and self._is_ours(one)]

    def _is_ours(self, process: psutil.Process) -> bool:
        name = str(self.state_dir)
        try:
            return any(name in word for word in process.cmdline()) or any(
                name in value for value in process.environ().values()
            )
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            return False

    def wait_until_nothing_runs(self, timeout_s: float = 30) -> None:
        """Return once no process of this state directory is left.

        Raises:
            AssertionError: some are; the message names them.
        """
        deadline = time.monotonic() + timeout_s
        while left := self.processes():
            assert time.monotonic() < deadline, f"still running: {left}"
            time.sleep(0.1)


@pytest.fixture
def product(short_directory: Path, tmp_path: Path) -> Iterator[Product]:
    """A product of its own; whatever it started is ended, and a test that left anything fails."""
    product = Product(short_directory / "state", tmp_path)
    try:
        with product.open_terminals:
            yield product
        product.wait_until_nothing_runs()
    finally:
        for process in product.processes():
            process.kill()
