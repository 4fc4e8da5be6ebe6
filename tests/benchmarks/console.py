"""The console in a pty, over a fleet of a benchmark's own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from earthgazer_core.stack.valkey import ValkeyServer
from tests.benchmarks.pty_probe import LOCAL, Line, Probe
from tests.product.conftest import Product

LIVE = "Finished"
"""On the Overview, and nowhere else."""
OURS = (sys.executable, "-m", "earthgazer_tui")
"""The console."""
PLAIN = (sys.executable, "-m", "tests.benchmarks.plain_console")
"""The console on Textual's own driver, which repaints whatever changed."""
SCREENS: Mapping[str, tuple[str, str]] = {
    "Overview": ("1", "Finished"),
    "Captures": ("2", "Sensed UTC"),
    "Queues": ("3", "Oldest"),
    "Workflows": ("4", "Progress"),
    "Failed": ("5", "by kind"),
    "Workers": ("6", "Pool"),
    "Tasks": ("7", "Ran"),
    "Schedule": ("8", "Next"),
    "History": ("9", "Ended"),
    "Doctor": ("0", "Evidence"),
}
"""Key and a word that is on no other screen, by title."""
Colours = Literal["standard", "256", "truecolor"]
ROOT = Path(__file__).parents[2]


def environment(home: Path, colours: Colours = "256") -> dict[str, str]:
    """Return the environment of an operator's shell whose terminal has so many colours."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("EARTHGAZER", "TEXTUAL", "SSH_", "XDG_"))
        and name not in ("COLUMNS", "LINES", "NO_COLOR", "COLORTERM", "TERM")
    }
    term = {"standard": "xterm", "256": "xterm-256color", "truecolor": "xterm-256color"}[colours]
    more = {"COLORTERM": "truecolor"} if colours == "truecolor" else {}
    return {**kept, **more, "HOME": str(home), "TERM": term, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a directory of the run's own."""
    with tempfile.TemporaryDirectory(prefix="eg-bench-", dir="/tmp") as directory:
        yield Path(directory)


@contextmanager
def broker(directory: Path) -> Iterator[ValkeyServer]:
    """Yield a broker without workers: what there is of a fleet is told by events alone."""
    server = ValkeyServer(directory / "valkey", dies_with_parent=True)
    (directory / "valkey").mkdir(parents=True, exist_ok=True)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def load(url: str, rate: int, seconds: float = 3600.0) -> Iterator[subprocess.Popen[bytes]]:
    """Publish events at a rate from a process of its own, until the block ends."""
    command = (sys.executable, "-m", "tests.benchmarks.event_load", url, str(rate), str(seconds), "batched")
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def console(
    home: Path,
    options: Sequence[str],
    *,
    program: Sequence[str] = OURS,
    columns: int = 80,
    lines: int = 24,
    colours: Colours = "256",
    line: Line = LOCAL,
    more_env: Mapping[str, str] | None = None,
    probe: type[Probe] = Probe,
) -> Iterator[Probe]:
    """Yield a console once its Overview is there."""
    env = {**environment(home, colours), **(more_env or {})}
    with probe([*program, *options], columns=columns, lines=lines, env=env, cwd=home, line=line) as watched:
        watched.wait_for(LIVE)
        yield watched


@contextmanager
def embedded(directory: Path) -> Iterator[Probe]:
    """Yield a console over an embedded stack of its own once both workers are seen; nothing is left of it."""
    product = Product(directory / "state", directory)
    command = (*OURS, "--state-dir", str(product.state_dir))
    try:
        with Probe(command, columns=120, lines=40, env=product.env, cwd=product.home) as probe:
            probe.wait_for("2 seen", 60.0)
            yield probe
            probe.press("q")
            probe.wait_exit()
        product.wait_until_nothing_runs()
    finally:
        for process in product.processes():
            process.kill()


class Stack:
    """An embedded stack with real workers and what the sandbox has to show."""

    def __init__(self, directory: Path) -> None:
        """Start it, and process the sandbox."""
        self.directory = directory / "state"
        self._env = environment(directory)
        self._run("stack", "up", "--detach")
        lines = self._run("stack", "env").splitlines()
        self.variables = dict(line.split("=", 1) for line in lines if "=" in line)

    @property
    def broker_url(self) -> str:
        """URL of its broker, password included."""
        return self.variables["EARTHGAZER__CELERY__BROKER_URL"]

    @property
    def options(self) -> tuple[str, ...]:
        """Options of a console that attaches to it as to any running fleet."""
        return ("--broker", self.broker_url, "--database", self.variables["EARTHGAZER__DATABASE__URL"])

    def process_sandbox(self) -> None:
        """Let the pipeline make everything that the screens show, as an operator does: with one key."""
        with console(self.directory.parent, self.options, columns=120, lines=40) as probe:
            probe.wait_for("press D here")
            probe.press("D")
            probe.wait_for("no clear pixel", 120.0, keys="2")
            probe.wait_for("succeeded", 120.0, keys="4")

    def stop(self) -> None:
        """End it."""
        self._run("stack", "down")

    def _run(self, *words: str) -> str:
        program = Path(sys.executable).with_name("earthgazer")
        done = subprocess.run(
            (str(program), "--state-dir", str(self.directory), *words),
            capture_output=True, text=True, env=self._env, check=False, timeout=180,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"earthgazer {' '.join(words)}: {done.stderr[-500:]}")
        return done.stdout

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def rate_over(probe: Probe, seconds: float) -> float:
    """Return bytes per second over a while."""
    before, began = probe.position, time.monotonic()
    time.sleep(seconds)
    return (probe.position - before) / (time.monotonic() - began)
