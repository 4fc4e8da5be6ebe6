"""From the key of a command to the worker's own word on the screen, with real workers."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from tests.benchmarks.console import embedded, scratch
from tests.benchmarks.figure import Figure
from tests.benchmarks.pty_probe import Probe

TIMES = 12
_BUDGET_MS = 50.0
_SIZES = (2, 3)
_LONGEST_S = 60.0


def run(*, quick: bool) -> Iterator[Figure]:
    """Grow and shrink a pool in turn."""
    with scratch() as home, embedded(home) as probe:
        probe.press("6")
        times = []
        for number in range(2 if quick else TIMES):
            before, after = _SIZES if number % 2 == 0 else _SIZES[::-1]
            times.append(answered(probe, "+" if after > before else "-", before, after))
    times.sort()
    note = f"over {len(times)} times; largest {times[-1]:.0f} ms"
    yield Figure("key to the worker's answer, p50", statistics.median(times), "ms", _BUDGET_MS)
    p95 = times[max(0, round(0.95 * len(times)) - 1)]
    yield Figure("key to the worker's answer, p95", p95, "ms", _BUDGET_MS, note=note)


def answered(probe: Probe, key: str, before: int, after: int) -> float:
    """Return the milliseconds from a key to the answer of the first worker in the list."""
    word = f"{before} → {after} processes"
    deadline = time.monotonic() + _LONGEST_S
    # The size is true again, and an earlier notification gone.
    while not is_settled(text := probe.text(), before) or word in text:
        assert time.monotonic() < deadline, text
        time.sleep(0.2)
    began = time.monotonic()
    return (probe.wait_for(word, keys=key) - began) * 1000.0


def is_settled(screen: str, size: int) -> bool:
    """Whether the worker under the cursor has a pool of that size."""
    return any(line.startswith("›") and f"prefork {size} " in line for line in screen.splitlines())
