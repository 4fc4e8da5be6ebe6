"""The events of 24 hours at 200 tasks/s, all of them, as fast as they are taken in: memory stays flat."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from statistics import fmean

from tests.benchmarks.bench_memory import BUDGET_MB, DAY_TASKS, FLAT_MB
from tests.benchmarks.event_load import EVENTS_PER_TASK
from tests.benchmarks.figure import Figure

QUICK_SHARE = 200
FULL_AFTER = 0.05
"""Share of the day by which everything that is bounded is full."""


def run(*, quick: bool) -> Iterator[Figure]:
    """Replay a day, and look at what it left."""
    tasks = DAY_TASKS // QUICK_SHARE if quick else DAY_TASKS
    command = (sys.executable, "-m", "tests.benchmarks.day_replay", str(tasks))
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    sent = told["told"] * EVENTS_PER_TASK
    note = f"{told['told']:,} tasks, {told['kept']:,} of them remembered at the end"
    yield Figure("events of a day lost", 100.0 * (1 - told["events"] / sent), "%", 0.0, note=note)
    yield Figure("events of a day without details", 100.0 * told["shed"] / sent, "%", 0.0)
    yield Figure("ends of a day not counted", float(told["told"] - told["ended"]), "tasks", 0.0)
    yield Figure(
        "rate of the replay", sent / told["seconds"], "events/s",
        note=f"{told['seconds']:.0f} s, {told['cpu_s']:.0f} s CPU with making the messages",
    )  # fmt: skip
    settled = [mb for seen, mb in told["points"] if seen >= FULL_AFTER * told["told"]]
    yield Figure("largest memory of the replay", max(mb for _, mb in told["points"]), "MB", BUDGET_MB)
    half = len(settled) // 2
    yield Figure(
        "growth from its first half to its second", fmean(settled[half:]) - fmean(settled[:half]), "MB",
        None if quick else FLAT_MB, note=f"{settled[0]:.0f} → {settled[-1]:.0f} MB",
    )  # fmt: skip
