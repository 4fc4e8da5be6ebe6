"""Memory of a console that has seen a million tasks, and of one that was fed a day of a busy fleet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.bench_events import measure
from tests.benchmarks.console import broker, console, load, scratch
from tests.benchmarks.event_load import EVENTS_PER_TASK
from tests.benchmarks.figure import Figure
from tests.benchmarks.pty_probe import Probe

BUDGET_MB = 200.0
DAY_TASKS = 24 * 3600 * 200
MILLION = 1_000_000
RATE = 24_000
"""Events per second: the most that is taken in without shedding details, with room to spare."""
FULL_S = 240.0
FLAT_MB = 5.0
"""Growth after the store is full that counts as none: the allocator's own breathing."""
STEP_S = 5.0


def run(*, quick: bool) -> Iterator[Figure]:
    """Feed a console on its Tasks screen, and note its memory as it goes."""
    seconds = 12.0 if quick else FULL_S
    with scratch() as home, broker(home) as server:
        points = list(fed(home, server.url, seconds))
        tasks = points[-1][0]
        rate = tasks / points[-1][1]
        part = f"{tasks:,.0f} tasks of a day's {DAY_TASKS:,} at {rate:,.0f} tasks/s"
        million = max((mb for n, _, mb in points if n <= MILLION), default=points[-1][2])
        name = "a million tasks" if tasks >= MILLION else f"{tasks:,.0f} tasks"
        yield Figure(f"memory of the console, {name} seen", million, "MB", BUDGET_MB)
        yield Figure("memory of the console at the end", points[-1][2], "MB", BUDGET_MB, note=part)
        settled = [(n, mb) for n, _, mb in points if n >= min(MILLION, 0.5 * tasks)]
        middle = len(settled) // 2
        grown = _mean(settled[middle:]) - _mean(settled[:middle])
        span = 0.5 * (settled[-1][0] - settled[0][0])
        day = grown / span * DAY_TASKS if span else 0.0
        yield Figure(
            "growth between the halves of what was fed after that", grown, "MB",
            None if quick else FLAT_MB,
            note=f"{settled[0][1]:.0f} → {settled[-1][1]:.0f} MB; if it went on: {day:+.0f} MB a day",
        )  # fmt: skip
        if not quick:
            peer = measure("state", server.url, 20_000, 20.0, is_batched=True)
            note = f"50,000 tasks kept, {peer.sent / EVENTS_PER_TASK:,.0f} seen"
            yield Figure("memory of Celery's Receiver and State", peer.peak_mb, "MB", note=note)


def fed(home: Path, url: str, seconds: float) -> Iterator[tuple[float, float, float]]:
    """Yield (tasks fed, seconds, resident MB) as they go."""
    with console(home, ("--broker", url), columns=120, lines=40) as probe:
        probe.press("7")
        probe.wait_for("Ran")
        with load(url, RATE, seconds) as publisher:
            began = time.monotonic()
            while publisher.poll() is None and time.monotonic() - began < 3 * seconds:
                time.sleep(min(STEP_S, seconds / 6))
                past = time.monotonic() - began
                yield min(past, seconds) * RATE / EVENTS_PER_TASK, past, probe.memory_mb()
            assert publisher.stdout is not None
            sent = int(publisher.stdout.read())
            _settle(probe)
            yield sent / EVENTS_PER_TASK, seconds, probe.memory_mb()


def _settle(probe: Probe) -> None:
    """Wait until what has come was worked off."""
    before = probe.cpu_s
    for _ in range(20):
        time.sleep(1.0)
        now = probe.cpu_s
        if now - before < 0.2:
            return
        before = now


def _mean(points: list[tuple[float, float]]) -> float:
    return sum(mb for _, mb in points) / max(1, len(points))
