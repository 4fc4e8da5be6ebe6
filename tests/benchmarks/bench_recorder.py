"""The flight recorder: what it costs a task in worker and publisher, beside Celery's own events."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson

from earthgazer_core.db import migrations
from earthgazer_core.db.session import make_engine
from earthgazer_core.settings import DatabaseSettings
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_core.stack.valkey import ValkeyServer
from tests.benchmarks.figure import Figure
from tests.benchmarks.recorded_fleet import RecordedFleet, Round

TASKS = 1_000
ROUNDS = 5
_BUDGET_US = 300.0
_KINDS = {
    "neither": {},
    "recorder": {"records": True},
    "events": {"events": True},
    "both": {"records": True, "events": True},
    "timed": {"records": True, "times": True},
}


def run(*, quick: bool) -> Iterator[Figure]:
    """Run rounds of short tasks on workers that differ in what they tell, in turns."""
    tasks, rounds = (200, 1) if quick else (TASKS, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="eg-bench-", dir="/tmp") as name, ExitStack() as stack:
        directory = Path(name)
        valkey = ValkeyServer(directory / "valkey", dies_with_parent=True)
        valkey.start()
        stack.callback(valkey.stop)
        # Durable, as the product has it: what a commit waits for is the writer's wait, never the task's.
        postgres = PostgresServer(directory / "postgres", dies_with_parent=True)
        postgres.start()
        stack.callback(postgres.stop)
        engine = make_engine(DatabaseSettings(url=postgres.url))  # type: ignore[arg-type]
        migrations.upgrade(engine)
        engine.dispose()
        fleets = {}
        for k, (kind, flags) in enumerate(_KINDS.items()):
            fleets[kind] = RecordedFleet(valkey.url_of(k), postgres.url, directory / kind, **flags)
            stack.callback(fleets[kind].stop)
        found: dict[str, list[Round]] = {kind: [] for kind in fleets}
        for fleet in fleets.values():
            fleet.wait_until_ready()
            fleet.round(1 if quick else 100)
        for _ in range(rounds):
            for kind, fleet in fleets.items():
                if kind != "timed" or not found[kind]:
                    found[kind].append(fleet.round(tasks))
        fleets["timed"].stop()
        times = _times(directory / "timed")
    yield from _figures(found, times)


def _figures(found: dict[str, list[Round]], times: list[float]) -> Iterator[Figure]:
    def over(kind: str, base: str = "neither") -> float:
        return statistics.median(
            one.cpu_us - other.cpu_us for one, other in zip(found[kind], found[base], strict=True)
        )

    cpu = {kind: statistics.median(one.cpu_us for one in rounds) for kind, rounds in found.items()}
    per_s = {kind: statistics.median(one.per_s for one in rounds) for kind, rounds in found.items()}
    yield Figure(
        "worker, CPU of the recorder a task", over("recorder"), "µs", _BUDGET_US, peer="Celery's events",
        peer_value=over("events"), note=f"median of rounds; a task without either {cpu['neither']:.0f} µs",
    )  # fmt: skip
    yield Figure("worker, CPU of the recorder a task beside events", over("both", "events"), "µs", _BUDGET_US)
    middle, late = times[len(times) // 2], times[int(len(times) * 0.99)]
    yield Figure("worker, handlers in the task's own way, median", middle, "µs", _BUDGET_US,
                 note=f"{len(times)} tasks, processor time of their threads")  # fmt: skip
    yield Figure("worker, handlers in the task's own way, p99", late, "µs")
    told = {kind: [one.publisher for one in rounds] for kind, rounds in found.items()}
    for name, key in (("CPU a message", "cpu_us"), ("call, median", "p50_us"), ("call, p99", "p99_us")):
        value = {kind: statistics.median(one[key] for one in told[kind]) for kind in told}
        yield Figure(
            f"publisher, {name}, added by the recorder", value["recorder"] - value["neither"], "µs",
            peer="Celery's events", peer_value=value["events"] - value["neither"],
            note=f"without either {value['neither']:.0f} µs",
        )  # fmt: skip
    yield Figure(
        "throughput with the recorder, one process", per_s["recorder"], "tasks/s", peer="without",
        peer_value=per_s["neither"], note=f"with events {per_s['events']:.0f}, with both {per_s['both']:.0f}",
    )  # fmt: skip


def _times(directory: Path) -> list[float]:
    """Return microseconds by task, its worker's processes put together."""
    took: dict[str, int] = {}
    for path in directory.glob("times-*.json"):
        for task_id, ns in orjson.loads(path.read_bytes()).items():
            took[task_id] = took.get(task_id, 0) + ns
    return sorted(ns / 1000 for ns in took.values())
