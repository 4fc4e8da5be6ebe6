"""The histogram quick check: from the key to the picture, in a real terminal over a processed capture."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figure import Figure
from tests.product.conftest import Product
from tests.product.terminal import Terminal

LOOKS = 30
_BUDGET_MS = 100.0


def run(*, quick: bool) -> Iterator[Figure]:
    """Open the detail of a processed capture again and again."""
    with tempfile.TemporaryDirectory(prefix="eg-bench-", dir="/tmp") as scratch:
        product = Product(Path(scratch) / "state", Path(scratch))
        with product.open_terminals:
            console = product.console(columns=120, lines=40)
            console.wait_for("1 Overview", "2 seen", timeout_s=60)
            console.press("D", "2")
            console.wait_for("D✓B✓L✓S✓N✓R✓", "sandbox", timeout_s=120)
            times = [look(console) for _ in range(5 if quick else LOOKS)]
            console.press("q")
            console.wait_exit()
        product.wait_until_nothing_runs()
    times.sort()
    first = f"over {len(times)} times; largest {times[-1]:.0f} ms"
    yield Figure("histogram quick check, key to picture, p50", statistics.median(times), "ms", _BUDGET_MS)
    p95 = times[max(0, round(0.95 * len(times)) - 1)]
    yield Figure("histogram quick check, key to picture, p95", p95, "ms", _BUDGET_MS, note=first)


def look(console: Terminal) -> float:
    """Return the milliseconds from enter to a histogram with its statistics, and go back."""
    began = time.monotonic()
    console.press("enter")
    wait_for(console, "NDVI histogram", "p50")
    took = time.monotonic() - began
    console.press("escape")
    console.wait_for("enter Open")
    # The list that was come back to is drawn in several frames.
    before = -1
    while len(console.received) != before:
        before = len(console.received)
        time.sleep(0.3)
    return took * 1000.0


def wait_for(console: Terminal, *words: str, timeout_s: float = 10.0) -> None:
    """Return as soon as all words are on the screen.

    Raises:
        AssertionError: they did not come in time.
    """
    deadline = time.monotonic() + timeout_s
    while not all(word in (text := console.text()) for word in words):
        assert time.monotonic() < deadline, text
        time.sleep(0.001)
