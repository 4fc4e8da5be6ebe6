"""From key press to changed frame: under load, in a table of 100,000 tasks, and for an argument of 1 MB."""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from celery import Celery

from tests.benchmarks.bench_events import load as publish
from tests.benchmarks.console import SCREENS, broker, console, environment, load, scratch
from tests.benchmarks.figure import Figure
from tests.benchmarks.glass import Glass
from tests.benchmarks.pty_probe import Probe

BUDGET_MS = 50.0
RATES = (0, 1_000, 5_000)
SEEN = 100_000
"""Tasks that the console has seen before; it keeps the newest 50,000, and lists 500."""
FILL_RATE = 20_000
CURSOR = "›"
MIDDLE = 15
FIRST = "#000000"
FILTER_LINES = range(2, 5)
"""Where the filter is typed: below the header and its banner."""
HEAD_LINES = 4
"""Lines above a task's facts, whose counts change by themselves."""
PAGE = 38
"""Rows that a key pages by on 40 lines."""
ID = re.compile(r"\b[0-9a-f]{8}\b")
MEGABYTE = "m" * 1_000_000
"""An argument."""


def run(*, quick: bool) -> Iterator[Figure]:
    """Measure on a broker whose events alone tell of the fleet, then the table by itself."""
    presses = 8 if quick else 60
    with scratch() as home, broker(home) as server:
        with console(home, ("--broker", server.url), columns=120, lines=40) as probe:
            publish(server.url, FILL_RATE, (0.02 if quick else 1.0) * SEEN * 4 / FILL_RATE, is_batched=True)
            for rate in RATES:
                with load(server.url, rate or 1):
                    time.sleep(2.0)
                    yield from keys(probe, rate, presses)
            yield from big_argument(probe, server.url)
        for rate in (RATES[0], RATES[-1]):
            with load(server.url, rate or 1):
                yield from table(home, 5_000 if quick else SEEN, presses, server.url, rate)


def keys(probe: Probe, rate: int, presses: int) -> Iterator[Figure]:
    """Yield how long the cursor, the letters of a filter, and a change of screens take."""
    when = f"{rate:,} events/s"
    probe.press("7")
    probe.wait_for(SCREENS["Tasks"][1])
    time.sleep(2.0)
    yield from _figures(f"cursor, Tasks, {when}", _moved(probe, presses))
    probe.wait_for("words", keys="/")
    letters = "state:SUCCESS name:step_7 worker:cpu"
    typed = [(letter, _typed(letters[: n + 1])) for n, letter in enumerate(letters[: max(8, presses // 2)])]
    yield from _figures(f"letter of a filter, {when}", _measured(probe, typed))
    probe.press("\x1b")
    time.sleep(1.0)
    switches = [(SCREENS[title][0], _holds(SCREENS[title][1])) for title in ("Queues", "Tasks")]
    took = _measured(probe, switches * max(2, presses // 3))
    yield from _figures(f"change of screens, {when}", took)
    probe.press("7")
    probe.wait_for(SCREENS["Tasks"][1])
    yield from _figures(f"screen never shown before, {when}", _measured(probe, _unseen(rate)))
    probe.press("7")
    probe.wait_for(SCREENS["Tasks"][1])


def _unseen(rate: int) -> Iterator[Press]:
    """Yield keys to screens that were not looked at before, others at each rate."""
    titles = ("Failed", "Workers", "Schedule", "Captures", "Workflows", "History")
    at = 2 * RATES.index(rate)
    for title in titles[at : at + 2]:
        yield SCREENS[title][0], _holds(SCREENS[title][1])


def big_argument(probe: Probe, url: str) -> Iterator[Figure]:
    """Yield how long it takes to open a task that was sent with an argument of 1 MB, and to scroll in it."""
    app = Celery("bench", broker=url, set_as_current=False)
    app.conf.task_send_sent_event = True
    app.send_task("fleet.tasks.heavy", args=[MEGABYTE], queue="cpu_queue")
    probe.press("7\x1b[H")
    probe.wait_for("heavy")
    probe.press("\x1b[H")
    time.sleep(1.5)
    began = time.monotonic()
    try:
        opened = probe.wait_for("mmmm", keys="\r") - began
    finally:
        app.close()
    yield Figure("open the detail of a task with an argument of 1 MB", 1e3 * opened, "ms")
    yield from _figures("scroll in an argument of 1 MB", _measured(probe, _turns(probe)))


def table(home: Path, n: int, presses: int, url: str, rate: int) -> Iterator[Figure]:
    """Yield how long the table takes to scroll, sort and filter so many tasks."""
    command = (sys.executable, "-m", "tests.benchmarks.table_app", str(n), url)
    when = f"{rate:,} events/s"
    with Probe(command, columns=120, lines=40, env=environment(home), cwd=home) as probe:
        probe.wait_for(FIRST)
        last = f"#{n - 1:06d}"
        ends = [("\x1b[F", _holds(last)), ("\x1b[H", _holds(FIRST))] * max(2, presses // 4)
        yield from _figures(f"from end to end of {n:,} rows, {when}", _measured(probe, ends))
        pages = [("\x1b[6~", _holds(f"#{PAGE * (k + 1):06d}")) for k in range(presses)]
        yield from _figures(f"a page of {n:,} rows, {when}", _measured(probe, pages), is_page=True)
        probe.wait_for(FIRST, keys="\x1b[H")
        sorts = [("r", _titled("Ran▾")), ("r", _titled("Ran▴"))] * max(2, presses // 3)
        yield from _figures(f"sort {n:,} rows, {when}", _measured(probe, sorts))
        filters = [("f", _lacks("step_6")), ("F", _holds("step_6"))] * max(2, presses // 3)
        yield from _figures(f"filter {n:,} rows, {when}", _measured(probe, filters))


Press = tuple[str, Callable[[Glass], bool]]
"""Keys, and whether the screen shows what they alone bring about."""


def _measured(probe: Probe, presses: Iterable[Press], timeout_s: float = 10.0) -> list[float]:
    """Return the milliseconds that each took."""
    took: list[float] = []
    for keys, is_shown in presses:
        # Not in step with the console's own rhythm.
        time.sleep(0.05 + 0.11 * (len(took) % 7) / 7)
        began = time.monotonic()
        took.append(1e3 * (probe.wait_for(is_shown, timeout_s, keys=keys) - began))
    return took


def _figures(
    name: str, took: Sequence[float], *, budget_ms: float | None = BUDGET_MS, is_page: bool = False
) -> Iterator[Figure]:
    ranked = sorted(took)
    # By nearest rank: the least that so many of them don't exceed.
    p50, p95, p99 = (ranked[math.ceil(share * len(ranked)) - 1] for share in (0.5, 0.95, 0.99))
    note = f"p50 {p50:.1f}, p99 {p99:.1f} of {len(ranked)}" + (", each another page" if is_page else "")
    yield Figure(f"key to changed frame, p95: {name}", p95, "ms", budget_ms, note=note)


def _moved(probe: Probe, n: int) -> list[float]:
    """Return the milliseconds that it takes to put the cursor on a row beside it, told by that row's id.

    Of a row that a newer list has no more, nothing can be said: another is tried.
    """
    took: list[float] = []
    while len(took) < n:
        lines = probe.text().splitlines()
        at = next(y for y, line in enumerate(lines) if line.startswith(CURSOR))
        by = 1 if at < MIDDLE else -1
        wanted = ID.findall(lines[at + by])[-1]
        try:
            took += _measured(probe, [("j" if by > 0 else "k", _cursor_is_on(wanted))], timeout_s=1.0)
        except TimeoutError:
            if wanted in probe.text():
                took.append(1e3)
        time.sleep(0.05 + 0.11 * (len(took) % 7) / 7)
    return took


def _cursor_is_on(task: str) -> Callable[[Glass], bool]:
    return lambda glass: any(line.startswith(CURSOR) and task in line for line in glass.text().splitlines())


def _holds(text: str) -> Callable[[Glass], bool]:
    return lambda glass: text in glass.text()


def _typed(text: str) -> Callable[[Glass], bool]:
    # A blank at its end is one of the line's: only there do the blanks count.
    return lambda glass: any(text in glass.line(y) for y in FILTER_LINES)


def _lacks(text: str) -> Callable[[Glass], bool]:
    return lambda glass: text not in glass.text()


def _titled(text: str) -> Callable[[Glass], bool]:
    return lambda glass: text in glass.line(0)


def _turns(probe: Probe) -> Iterator[Press]:
    """Yield keys that scroll a text to its end and back."""
    for k in range(10):
        # The rest of the frame before is no answer to the next key.
        probe.wait_quiet(0.2)
        before = probe.text().splitlines()[HEAD_LINES:]
        yield ("\x1b[F", "\x1b[H")[k % 2], _differs(before)


def _differs(before: Sequence[str]) -> Callable[[Glass], bool]:
    return lambda glass: glass.text().splitlines()[HEAD_LINES:] != before
