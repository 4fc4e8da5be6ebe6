"""Publishes short tasks, tells the cost: ``python -m tests.benchmarks.recorded_publisher N QUEUE``."""

from __future__ import annotations

import sys
import time

import orjson

from earthgazer_core.recorder.install import recorders
from tests.benchmarks.recorded_app import make_app

_WARM_UP = 50


def main(n: int, queue: str) -> None:
    """Publish ``n`` tasks; print microseconds of processor time a task, and of each call of the publisher."""
    app = make_app()
    task = app.tasks["bench.nothing"]
    calls: list[float] = []
    with app.producer_pool.acquire(block=True) as producer:
        for k in range(n + _WARM_UP):
            if k == _WARM_UP:
                calls.clear()
                began = time.process_time()
            start = time.thread_time_ns()
            task.apply_async((k, ["B04", "B08"]), {"force": False}, queue=queue, producer=producer)
            calls.append((time.thread_time_ns() - start) / 1000)
        for recorder in recorders(app):
            recorder.close()
        cpu_us = (time.process_time() - began) / n * 1e6
    calls.sort()
    told = {
        "published": n + _WARM_UP,
        "cpu_us": cpu_us,
        "p50_us": calls[n // 2],
        "p99_us": calls[int(n * 0.99)],
    }
    print(orjson.dumps(told).decode())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
