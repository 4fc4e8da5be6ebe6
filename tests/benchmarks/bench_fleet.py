"""The whole fleet: short tasks and captures by number of processes, and what a console costs the broker."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis

from earthgazer_core.db import migrations
from earthgazer_core.db.session import make_engine
from earthgazer_core.settings import DatabaseSettings
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_core.stack.valkey import ValkeyServer
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from earthgazer_tui.fleet.models import QuitChoice
from tests.benchmarks.capture_fleet import CaptureFleet
from tests.benchmarks.figure import Figure
from tests.benchmarks.process import Measured
from tests.benchmarks.recorded_fleet import PYTHON, RecordedFleet
from tests.conftest import redis_py_url

PROCESSES = (1, 2, 4)
TASKS = 10_000
CAPTURES = 200
WORKERS = 50
QUEUES = 40
_SETTLED_S = 8.0


def run(*, quick: bool) -> Iterator[Figure]:
    """Measure throughput by number of processes, then the polling of one console."""
    tasks, captures, processes, seconds = (300, 4, (2,), 3.0) if quick else (TASKS, CAPTURES, PROCESSES, 30.0)
    with tempfile.TemporaryDirectory(prefix="eg-bench-", dir="/tmp") as name, ExitStack() as stack:
        directory = Path(name)
        valkey = ValkeyServer(directory / "valkey", dies_with_parent=True)
        valkey.start()
        stack.callback(valkey.stop)
        yield from _polling(valkey, seconds)
        postgres = PostgresServer(directory / "postgres", dies_with_parent=True)
        postgres.start()
        stack.callback(postgres.stop)
        engine = make_engine(DatabaseSettings(url=postgres.url))  # type: ignore[arg-type]
        migrations.upgrade(engine)
        engine.dispose()
        yield from _short_tasks(valkey, postgres.url, directory, processes, tasks)
        yield from _captures(valkey, postgres.url, directory, processes, captures)


def _short_tasks(
    valkey: ValkeyServer, database_url: str, directory: Path, processes: tuple[int, ...], tasks: int
) -> Iterator[Figure]:
    alone: float | None = None
    for n in processes:
        fleet = RecordedFleet(
            valkey.url_of(n), database_url, directory / f"short{n}", processes=n, records=True, events=True
        )
        try:
            fleet.wait_until_ready()
            done = fleet.round(tasks)
        finally:
            fleet.stop()
        alone = alone or done.per_s
        yield Figure(
            f"short tasks, {n} processes", done.per_s, "tasks/s", peer=f"{processes[0]} process",
            peer_value=alone,
            note=f"{tasks:,} tasks, recorder and events on; {done.cpu_us / 1000:.2f} ms of CPU a task",
        )  # fmt: skip


def _captures(
    valkey: ValkeyServer, database_url: str, directory: Path, processes: tuple[int, ...], captures: int
) -> Iterator[Figure]:
    alone: float | None = None
    for n in processes:
        fleet = CaptureFleet(valkey.url_of(8 + n), database_url, directory / f"captures{n}", processes=n)
        try:
            done = fleet.process(captures)
        finally:
            fleet.stop()
        alone = alone or done.per_s
        yield Figure(
            f"captures through the whole pipeline, {n} processes", done.per_s, "captures/s",
            peer=f"{processes[0]} process", peer_value=alone,
            note=f"{captures} captures of 256², {done.tasks} tasks, {done.seconds:.0f} s",
        )  # fmt: skip


def _polling(valkey: ValkeyServer, seconds: float) -> Iterator[Figure]:
    url = valkey.url_of(7)
    command = (PYTHON, "-m", "tests.benchmarks.simulated_workers", url, str(WORKERS), str(QUEUES))
    with Measured(command) as workers, redis.Redis.from_url(redis_py_url(url)) as client:
        workers.wait_for("ready")
        time.sleep(_SETTLED_S)
        alone = _commands(client, seconds)
        with_console, seen = asyncio.run(_watched(client, url, seconds))
        workers.finish()
    calls, took_us = (sum(one[key] for one in with_console.values()) for key in ("calls", "usec"))
    calls_alone, took_alone_us = (sum(one[key] for one in alone.values()) for key in ("calls", "usec"))
    most = sorted(with_console.items(), key=lambda one: -one[1]["usec"])[:6]
    note = ", ".join(f"{name} {one['calls']:.0f}/s {one['usec']:.0f} µs/s" for name, one in most)
    circumstances = f"{QUEUES} queues, {WORKERS} workers"
    yield Figure(
        f"console's polling, {circumstances}", calls - calls_alone, "commands/s", peer="the workers alone",
        peer_value=calls_alone, note=f"answers of the workers included; console saw {seen}",
    )  # fmt: skip
    yield Figure(
        f"console's polling, time of the broker, {circumstances}", took_us - took_alone_us, "µs/s",
        peer="the workers alone", peer_value=took_alone_us, note=note,
    )  # fmt: skip


async def _watched(client: redis.Redis, url: str, seconds: float) -> tuple[dict[str, dict[str, float]], str]:
    fleet = LiveFleet(LiveOptions(broker_url=url, context="bench"))
    await fleet.open(lambda _step: None)
    try:
        last: Any = None

        async def look() -> None:
            nonlocal last
            async for snapshot in fleet.watch():
                last = snapshot

        looking = asyncio.create_task(look())
        await asyncio.sleep(_SETTLED_S)
        found = await asyncio.to_thread(_commands, client, seconds)
        looking.cancel()
        return found, f"{len(last.queues)} queues, {len(last.workers)} workers"
    finally:
        await fleet.close(QuitChoice.LEAVE)


def _commands(client: redis.Redis, seconds: float) -> dict[str, dict[str, float]]:
    """Return calls and microseconds a second by command."""
    client.config_resetstat()
    began = time.monotonic()
    time.sleep(seconds)
    found: dict[str, dict[str, float]] = client.info("commandstats")
    took = time.monotonic() - began
    return {
        name.removeprefix("cmdstat_"): {"calls": one["calls"] / took, "usec": one["usec"] / took}
        for name, one in found.items()
        if name not in ("cmdstat_info", "cmdstat_config|resetstat")
    }
