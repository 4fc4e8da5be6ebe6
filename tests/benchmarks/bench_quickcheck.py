"""The histogram quick check: from the key to the picture, in a real terminal over a processed capture."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from tests.benchmarks.console import embedded, scratch
from tests.benchmarks.figure import Figure
from tests.benchmarks.glass import Glass
from tests.benchmarks.pty_probe import Probe

LOOKS = 30
_BUDGET_MS = 100.0


def run(*, quick: bool) -> Iterator[Figure]:
    """Open the detail of a processed capture again and again."""
    with scratch() as home, embedded(home) as probe:
        probe.press("D")
        probe.wait_for(_is_processed, 120.0, keys="2")
        times = sorted(look(probe) for _ in range(5 if quick else LOOKS))
    first = f"over {len(times)} times; largest {times[-1]:.0f} ms"
    yield Figure("histogram quick check, key to picture, p50", statistics.median(times), "ms", _BUDGET_MS)
    p95 = times[max(0, round(0.95 * len(times)) - 1)]
    yield Figure("histogram quick check, key to picture, p95", p95, "ms", _BUDGET_MS, note=first)


def look(probe: Probe) -> float:
    """Return the milliseconds from enter to a histogram with its statistics, and go back."""
    began = time.monotonic()
    took = probe.wait_for(_is_picture, keys="\r") - began
    probe.wait_for("enter Open", keys="\x1b")
    # The list that was come back to is drawn in several frames.
    probe.wait_quiet(0.3, 2.0)
    return took * 1000.0


def _is_processed(glass: Glass) -> bool:
    text = glass.text()
    return "D✓B✓L✓S✓N✓R✓" in text and "sandbox" in text


def _is_picture(glass: Glass) -> bool:
    text = glass.text()
    return "NDVI histogram" in text and "p50" in text
