"""Taking events in from RabbitMQ, at rates that it reaches, against Celery's own State."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.bench_events import settle
from tests.benchmarks.figure import Figure
from tests.benchmarks.process import Measured
from tests.rabbitmq import RabbitServer, why_absent

RATES = (1_000, 5_000, 0)
"""Events a second; 0 for as many as the broker takes from one publisher."""
SECONDS = 8.0
MB = 1e6


@dataclass(frozen=True, slots=True)
class Taken:
    """What a consumer made of a load."""

    sent: int
    rate: float
    """Events a second, as published."""
    taken: int
    cpu_us: float
    """Processor time an event, in microseconds."""
    peak_mb: float
    shed: int
    """Events of which it kept no details, by its own count."""


def run(*, quick: bool) -> Iterator[Figure]:
    """Measure both consumers under each load.

    Raises:
        RuntimeError: there is no RabbitMQ to start.
    """
    if reason := why_absent():
        raise RuntimeError(reason)
    seconds, rates = (2.0, (1_000, 0)) if quick else (SECONDS, RATES)
    with tempfile.TemporaryDirectory(prefix="eg-bench-", dir="/tmp") as directory:
        server = RabbitServer(Path(directory) / "node")
        server.start()
        try:
            for is_batched in (True, False):
                for rate in rates:
                    yield from compared(server, rate, seconds, is_batched=is_batched)
        finally:
            server.stop()


def compared(server: RabbitServer, rate: int, seconds: float, *, is_batched: bool) -> Iterator[Figure]:
    """Measure both consumers under one load, each with a virtual host of its own."""
    ours, peer = (
        measure(
            kind, server.add_virtual_host(f"{kind}-{rate}-{is_batched}"), rate, seconds, is_batched=is_batched
        )
        for kind in ("ours", "state")
    )
    name = f"{f'{rate:,} events/s' if rate else 'all it takes'} {'batched' if is_batched else 'single'}"
    note = f"published at {ours.rate:,.0f}/s, details shed {ours.shed:,}"
    yield Figure(
        f"CPU an event, RabbitMQ, {name}", ours.cpu_us, "µs", peer="Celery's State", peer_value=peer.cpu_us,
        note=note,
    )  # fmt: skip
    lost, peer_lost = (100.0 * (1 - one.taken / one.sent) for one in (ours, peer))
    yield Figure(
        f"events lost, RabbitMQ, {name}", lost, "%", 0.0, peer="Celery's State", peer_value=peer_lost
    )
    yield Figure(
        f"peak memory, RabbitMQ, {name}", ours.peak_mb, "MB", peer="Celery's State", peer_value=peer.peak_mb
    )


def measure(kind: str, url: str, rate: int, seconds: float, *, is_batched: bool) -> Taken:
    """Return what one consumer makes of a load."""
    how = "batched" if is_batched else "single"
    publisher = (
        sys.executable, "-m", "tests.benchmarks.amqp_event_load", url, str(rate), str(seconds), how,
    )  # fmt: skip
    with Measured((sys.executable, "-m", "tests.benchmarks.event_consumers", kind, url)) as consumer:
        consumer.wait_for("ready")
        begin = consumer.cpu_s
        published = json.loads(subprocess.run(publisher, check=True, capture_output=True, text=True).stdout)
        settle(consumer)
        cpu, peak = consumer.cpu_s - begin, consumer.peak_bytes
        taken = json.loads(consumer.finish().splitlines()[-1])
    sent = published["sent"]
    return Taken(
        sent, sent / published["seconds"], taken["events"], cpu / sent * 1e6, peak / MB, taken.get("shed", 0)
    )
