"""Bytes to the terminal: idle and busy, each screen, a key, and a link of 9.6 kB/s with 300 ms round trip."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from tests.benchmarks.console import (
    OURS,
    PLAIN,
    SCREENS,
    Colours,
    Stack,
    console,
    load,
    rate_over,
    scratch,
)
from tests.benchmarks.figure import Figure
from tests.benchmarks.pty_probe import SLOW, Probe

IDLE_BYTES_PER_S = 200.0
BUSY_BYTES_PER_S = 4_000.0
SWITCH_S = 3.0
BUSY_RATE = 1_000
"""Events per second of the busy fleet: 250 tasks."""
LIVELY = ("Overview", "Queues", "Workers")
"""Screens with a budget for a busy fleet."""
OF_ALL = 9
"""Three sizes by three numbers of colours."""
SAMPLED: tuple[tuple[int, int, Colours], ...] = (
    (80, 24, "standard"), (120, 40, "standard"), (120, 40, "256"), (120, 40, "truecolor"), (200, 60, "256"),
)  # fmt: skip
"""What is measured of sizes by colours: each of either; all nine would take a quarter of an hour."""
REFERENCE = (120, 40, "256")
"""The one that has budgets, on which each screen is measured."""
FRAME_END = b"\x1b[6n"
MOUSE = (b"\x1b[?1000h", b"\x1b[?1003h", b"\x1b[?1015h", b"\x1b[?1006h")
KEY = "\x1b[B"


def run(*, quick: bool) -> Iterator[Figure]:
    """Measure on an embedded stack with real workers, and with the events of a busy fleet added."""
    with scratch() as home, Stack(home) as stack:
        if not quick:
            stack.process_sandbox()
        yield from idle(home, stack, quick=quick)
        with load(stack.broker_url, BUSY_RATE):
            yield from busy(home, stack, quick=quick)
            yield from slow_link(home, stack, quick=quick)


def idle(home: Path, stack: Stack, *, quick: bool) -> Iterator[Figure]:
    """Yield what each screen sends while nothing happens, and that the mouse is not asked for."""
    seconds, titles = (1.5, tuple(LIVELY)) if quick else (5.0, tuple(SCREENS))
    with console(home, stack.options, columns=120, lines=40) as probe:
        time.sleep(4.0)
        rates = rates_of(probe, titles, seconds)
        mouse = sum(word in probe.since(0) for word in MOUSE)
    for title, rate in rates.items():
        yield Figure(f"idle, {title}, 120×40, 256 colours", rate, "B/s", IDLE_BYTES_PER_S)
    yield Figure("sequences that ask for the mouse, without --mouse", mouse, "", 0.0)


def busy(home: Path, stack: Stack, *, quick: bool) -> Iterator[Figure]:
    """Yield what each screen sends on a busy fleet, by size and colours, and what a key costs."""
    seconds = 2.0 if quick else 4.0
    peers: dict[str, float] = {}
    if not quick:
        with console(home, stack.options, columns=120, lines=40, program=PLAIN) as probe:
            time.sleep(4.0)
            peers = rates_of(probe, (*LIVELY, "Tasks"), seconds)
    yield Figure("sizes by colours measured on a busy fleet", 1 if quick else len(SAMPLED), f"of {OF_ALL}")
    for columns, lines, colours in SAMPLED[2:3] if quick else SAMPLED:
        is_reference = (columns, lines, colours) == REFERENCE
        titles = tuple(SCREENS) if is_reference and not quick else LIVELY
        with console(home, stack.options, columns=columns, lines=lines, colours=colours) as probe:
            time.sleep(4.0)
            rates = rates_of(probe, titles, seconds)
            keys = key_bytes(probe) if is_reference else 0.0
        for title, rate in rates.items():
            yield Figure(
                f"busy, {title}, {columns}×{lines}, {colours}", rate, "B/s",
                BUSY_BYTES_PER_S if is_reference and title in LIVELY else None,
                peer="Textual's driver" if is_reference and title in peers else "",
                peer_value=peers.get(title) if is_reference else None,
            )  # fmt: skip
        if is_reference:
            yield Figure("a key that moves the cursor, Tasks, 120×40, 256", keys, "B")


def rates_of(probe: Probe, titles: Sequence[str], seconds: float) -> dict[str, float]:
    """Return bytes per second of each screen once it is there."""
    rates = {}
    for title in titles:
        key, word = SCREENS[title]
        probe.press(key)
        probe.wait_for(word)
        time.sleep(2.5)
        rates[title] = rate_over(probe, seconds)
    return rates


def key_bytes(probe: Probe) -> float:
    """Return the median of bytes that moving the cursor takes, the view standing still."""
    probe.wait_for("Ran", keys="7")
    probe.wait_for("FROZEN", keys="p")
    taken = []
    for _ in range(10):
        time.sleep(0.4)
        before = probe.position
        probe.press(KEY)
        time.sleep(0.3)
        taken.append(probe.position - before)
    return float(median(taken))


def slow_link(home: Path, stack: Stack, *, quick: bool) -> Iterator[Figure]:
    """Yield how long a change of screens takes on a slow link, and how stale the screen was until then."""
    for program in (OURS, PLAIN):
        if quick and program is PLAIN:
            continue
        titles = ("Queues", "Tasks") if quick or program is PLAIN else (*tuple(SCREENS)[1:], "Overview")
        took, stale = {}, {}
        with console(home, stack.options, program=program, line=SLOW) as probe:
            time.sleep(6.0)
            for title in titles:
                key, word = SCREENS[title]
                before, began = probe.position, time.monotonic()
                came = probe.wait_for(word, 60.0, keys=key)
                frames = probe.since(before).count(FRAME_END)
                took[title], stale[title] = came - began, max(0, frames - 1)
                if program is OURS:
                    took[title] = probe.frame_end_after(came) - began
                time.sleep(3.0)
            if program is PLAIN:
                slowest = took
                continue
            yield from typed_ahead(probe)
        ours_took, ours_stale = took, stale
    worst = max(ours_took, key=lambda title: ours_took[title])
    peer = None if quick else max(slowest.values())
    yield Figure(
        "9.6 kB/s, 300 ms: a change of screens, the slowest, 80×24", ours_took[worst], "s", SWITCH_S,
        peer="" if peer is None else "Textual's driver", peer_value=peer,
        note=f"{worst}; median {median(ours_took.values()):.2f} s",
    )  # fmt: skip
    yield Figure(
        "9.6 kB/s, 300 ms: frames of the screen before after the key", max(ours_stale.values()), "", 1.0
    )


def typed_ahead(probe: Probe) -> Iterator[Figure]:
    """Yield how long three keys typed in a row take to lead to the last one's screen."""
    began = time.monotonic()
    came = probe.wait_for(SCREENS["Tasks"][1], 60.0, keys="367")
    yield Figure(
        "9.6 kB/s, 300 ms: keys 3, 6 and 7 at once, until the last one's screen",
        came - began,
        "s",
        2 * SWITCH_S,
    )
