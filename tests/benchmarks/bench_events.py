"""Taking events in: processor time an event and memory, against Celery's own State and Flower."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from earthgazer_core.stack.valkey import ValkeyServer
from tests.benchmarks.figure import Figure
from tests.benchmarks.flower import Flower
from tests.benchmarks.process import Measured
from tests.benchmarks.tls_proxy import TlsProxy

RATES = (1_000, 5_000, 10_000, 20_000, 50_000)
SECONDS = 8.0
SETTLE_S = 3.0
MB = 1e6


@dataclass(frozen=True, slots=True)
class Taken:
    """What a consumer made of a load."""

    sent: int
    """Events published."""
    taken: int | None
    """Events that it took in; None where it doesn't say."""
    cpu_us: float
    """Processor time an event sent, in microseconds."""
    peak_mb: float
    """Largest resident memory."""
    shed: int
    """Events whose details it shed by its own count."""


def run(*, quick: bool) -> Iterator[Figure]:
    """Measure each consumer under each load."""
    seconds = 2.0 if quick else SECONDS
    rates = (1_000, 20_000) if quick else RATES
    with tempfile.TemporaryDirectory(prefix="eg-bench-", dir="/tmp") as directory, ExitStack() as stack:
        server = ValkeyServer(Path(directory), dies_with_parent=True)
        server.start()
        stack.callback(server.stop)
        flower = None if quick else Flower(Path(directory))
        for is_batched in (True, False):
            how = "batched" if is_batched else "single"
            for rate in rates:
                ours = measure("ours", server.url, rate, seconds, is_batched=is_batched)
                peer = measure("state", server.url, rate, seconds, is_batched=is_batched)
                name = f"{rate:,} events/s {how}"
                note = f"details shed {ours.shed:,}"
                yield from beside(name, ours, peer, note, most_lost=0.0 if rate <= 20_000 else None)
                if flower is not None and rate in (5_000, 10_000):
                    theirs = flower_under(flower, server.url, rate, seconds, is_batched=is_batched)
                    note = f"Flower {theirs.cpu_us:.0f} µs an event, {theirs.peak_mb:.0f} MB"
                    yield Figure(
                        f"events per CPU second against Flower, {name}", theirs.cpu_us / ours.cpu_us, "×",
                        15.0, "at least", note=note,
                    )  # fmt: skip
        with TlsProxy(server.socket_path) as proxy:
            url = proxy.url(server.url)
            ours = measure("ours", url, 5_000, seconds, is_batched=True, publish_url=server.url)
            note = "Flower over a plain connection" if flower is not None else ""
            theirs = (
                flower_under(flower, server.url, 5_000, seconds, is_batched=True)
                if flower is not None
                else measure("state", server.url, 5_000, seconds, is_batched=True)
            )
            yield Figure(
                "events per CPU second over TLS, 5,000 events/s batched", theirs.cpu_us / ours.cpu_us, "×",
                6.0, "at least", note=note,
            )  # fmt: skip


def beside(name: str, ours: Taken, peer: Taken, note: str, *, most_lost: float | None) -> Iterator[Figure]:
    """Compare what we and Celery's State made of one load."""
    yield Figure(
        f"CPU an event, {name}", ours.cpu_us, "µs", peer="Celery's State", peer_value=peer.cpu_us, note=note
    )
    lost, peer_lost = (100.0 * (1 - (one.taken or 0) / one.sent) for one in (ours, peer))
    yield Figure(f"events lost, {name}", lost, "%", most_lost, peer="Celery's State", peer_value=peer_lost)
    yield Figure(f"peak memory, {name}", ours.peak_mb, "MB", peer="Celery's State", peer_value=peer.peak_mb)


def measure(
    kind: str, url: str, rate: int, seconds: float, *, is_batched: bool, publish_url: str | None = None
) -> Taken:
    """Return what one consumer makes of a load."""
    return consumed(kind, url, lambda: load(publish_url or url, rate, seconds, is_batched=is_batched))


def consumed(kind: str, url: str, publish: Callable[[], int]) -> Taken:
    """Return what one consumer makes of what is published, which returns how many events that were."""
    command = (sys.executable, "-m", "tests.benchmarks.event_consumers", kind, url)
    with Measured(command) as consumer:
        consumer.wait_for("ready")
        begin = consumer.cpu_s
        sent = publish()
        settle(consumer)
        cpu, peak = consumer.cpu_s - begin, consumer.peak_bytes
        taken = json.loads(consumer.finish().splitlines()[-1])
    return Taken(sent, taken["events"], cpu / sent * 1e6, peak / MB, taken.get("shed", 0))


def flower_under(flower: Flower, url: str, rate: int, seconds: float, *, is_batched: bool) -> Taken:
    """Return what Flower makes of a load; how many events it took in it doesn't say."""
    with flower.running(url) as process:
        begin = process.cpu_s
        sent = load(url, rate, seconds, is_batched=is_batched)
        settle(process)
        return Taken(sent, None, (process.cpu_s - begin) / sent * 1e6, process.peak_bytes / MB, 0)


def load(url: str, rate: int, seconds: float, *, is_batched: bool) -> int:
    """Publish from a process of its own; return how many events."""
    how = "batched" if is_batched else "single"
    command = (sys.executable, "-m", "tests.benchmarks.event_load", url, str(rate), str(seconds), how)
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def settle(process: Measured) -> None:
    """Wait until a consumer has worked off what it has."""
    deadline = time.monotonic() + 30.0
    before = process.cpu_s
    while time.monotonic() < deadline:
        time.sleep(SETTLE_S / 3)
        now = process.cpu_s
        if now - before < 0.03:
            return
        before = now
