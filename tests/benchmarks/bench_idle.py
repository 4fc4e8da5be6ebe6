"""Processor time of a console that nobody uses, on a fleet that does nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.benchmarks.console import SCREENS, Stack, console, scratch
from tests.benchmarks.figure import Figure

BUDGET_PERCENT = 2.0
SETTLE_S = 10.0
"""Time for the start, and what is put off until after it."""


def run(*, quick: bool) -> Iterator[Figure]:
    """Leave a console on its Overview for ten minutes, then look at the other screens for a while each."""
    minutes = 0.25 if quick else 10.0
    with (
        scratch() as home,
        Stack(home) as stack,
        console(home, stack.options, columns=120, lines=40) as probe,
    ):
        time.sleep(3.0 if quick else SETTLE_S)

        def percent_over(seconds: float) -> float:
            cpu, began = probe.cpu_s, time.monotonic()
            time.sleep(seconds)
            return 100.0 * (probe.cpu_s - cpu) / (time.monotonic() - began)

        before = probe.position
        percent = percent_over(60.0 * minutes)
        rate = (probe.position - before) / (60.0 * minutes)
        yield Figure(
            "CPU of an idle console, Overview", percent, "% of a core", BUDGET_PERCENT,
            note=f"over {minutes:g} min, {rate:.0f} B/s to the terminal, {probe.memory_mb():.0f} MB",
        )  # fmt: skip
        if quick:
            return
        for title, (key, word) in SCREENS.items():
            probe.press(key)
            probe.wait_for(word)
            time.sleep(3.0)
            yield Figure(
                f"CPU of an idle console, {title}", percent_over(20.0), "% of a core", BUDGET_PERCENT
            )
