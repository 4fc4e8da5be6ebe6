"""Starting: first frame and first live data, attached to a running fleet, and what the views import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from tests.benchmarks.console import OURS, ROOT, Stack, environment, scratch
from tests.benchmarks.figure import Figure
from tests.benchmarks.glass import Glass
from tests.benchmarks.pty_probe import Probe

FIRST_FRAME_S = 0.45
LIVE_S = 1.5
HEAVY = (
    "celery", "kombu", "redis", "sqlalchemy", "psycopg2", "alembic", "numpy", "rasterio", "plotext",
    "requests", "pydantic", "earthgazer_core",
)  # fmt: skip
"""What a view must not import."""
MINIMAL = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("EarthGazer")
Minimal().run(mouse=False)
"""
"""As little as an app of Textual can be."""


def run(*, quick: bool) -> Iterator[Figure]:
    """Start consoles on a running stack, one after the other."""
    rounds = 2 if quick else 9
    with scratch() as home, Stack(home) as stack:
        floors = [minimal_s(home) for _ in range(rounds)]
        foreign = ("--broker", stack.broker_url)
        for how, options in (("broker and database", stack.options), ("broker alone", foreign)):
            frames, lives, cpus = zip(*(start(home, options) for _ in range(rounds)), strict=True)
            yield Figure(
                f"first frame, {how}", median(frames), "s", FIRST_FRAME_S, peer="minimal app",
                peer_value=median(floors), note=f"median of {rounds}, worst {max(frames):.2f}",
            )  # fmt: skip
            yield Figure(
                f"first live data, {how}", median(lives), "s", LIVE_S,
                note=f"median of {rounds}, worst {max(lives):.2f}; CPU until then {median(cpus):.2f} s",
            )  # fmt: skip
    yield from imports()


def start(home: Path, options: Sequence[str]) -> tuple[float, float, float]:
    """Return seconds to the first frame, to the first worker seen, and of processor time until then."""
    with Probe((*OURS, *options), columns=120, lines=40, env=environment(home), cwd=home) as probe:
        frame = probe.wait_for("EarthGazer") - probe.began
        live = probe.wait_for(_is_worker_seen) - probe.began
        return frame, live, probe.cpu_s


def minimal_s(home: Path) -> float:
    """Return seconds to the first frame of a minimal app."""
    with Probe((sys.executable, "-c", MINIMAL), env=environment(home), cwd=home) as probe:
        return probe.wait_for("EarthGazer") - probe.began


def imports() -> Iterator[Figure]:
    """Yield how long imports take, and what heavy things the views import."""
    program = f"""
import sys, time
began = time.process_time()
import earthgazer_tui.app
from earthgazer_tui.screens import modes
app = time.process_time() - began
modes.load_screens()
views = time.process_time() - began
heavy = [name for name in {HEAVY!r} if name in sys.modules]
import earthgazer_tui.fleet.live.fleet
print(app, views, time.process_time() - began, *heavy)
"""
    command = (sys.executable, "-c", program)
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    app, views, live, *heavy = done.stdout.split()
    yield Figure("CPU of importing the app", 1e3 * float(app), "ms")
    yield Figure("CPU of importing the app and all main screens", 1e3 * float(views), "ms")
    yield Figure("CPU of importing all that and the live fleet", 1e3 * float(live), "ms")
    yield Figure("heavy packages imported by views", len(heavy), "", 0.0, note=" ".join(heavy))


def _is_worker_seen(glass: Glass) -> bool:
    return any(f"{n} seen" in glass.text() for n in (1, 2))
