"""Taking events in from RabbitMQ, at rates that it reaches, against Celery's own State."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.bench_events import Taken, beside, consumed
from tests.benchmarks.figure import Figure
from tests.rabbitmq import RabbitServer, why_absent

RATES = (1_000, 5_000, 0)
"""Events a second; 0 for as many as the broker takes from one publisher."""
SECONDS = 8.0


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
    (ours, published_per_s), (peer, _) = (
        measure(
            kind, server.add_virtual_host(f"{kind}-{rate}-{is_batched}"), rate, seconds, is_batched=is_batched
        )
        for kind in ("ours", "state")
    )
    name = f"{f'{rate:,} events/s' if rate else 'all it takes'} {'batched' if is_batched else 'single'}"
    note = f"published at {published_per_s:,.0f}/s, details shed {ours.shed:,}"
    yield from beside(f"RabbitMQ, {name}", ours, peer, note, most_lost=0.0)


def measure(kind: str, url: str, rate: int, seconds: float, *, is_batched: bool) -> tuple[Taken, float]:
    """Return what one consumer makes of a load, and how many events a second were published."""
    how = "batched" if is_batched else "single"
    command = (
        sys.executable, "-m", "tests.benchmarks.amqp_event_load", url, str(rate), str(seconds), how,
    )  # fmt: skip
    told: dict[str, Any] = {}

    def publish() -> int:
        told.update(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        return int(told["sent"])

    taken = consumed(kind, url, publish)
    return taken, taken.sent / told["seconds"]
