"""Workers that only answer: ``python -m tests.benchmarks.simulated_workers URL WORKERS QUEUES``."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from celery import Celery
from kombu import Connection

_BEAT_S = 2.0
"""Celery's own pace of heartbeats."""
_MESSAGES = 20
_TASKS = tuple(f"fleet.tasks.step_{n}" for n in range(30))


def queue_names(queues: int) -> tuple[str, ...]:
    """Return the names of so many queues."""
    return tuple(f"steps_{n}" for n in range(queues))


def main(url: str, workers: int, queues: int) -> None:
    """Fill the queues, then answer commands and send heartbeats until SIGTERM."""
    stop, parent = threading.Event(), os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    app = Celery("bench", broker=url, set_as_current=False)
    with app.producer_pool.acquire(block=True) as producer:
        for name in queue_names(queues):
            for _ in range(_MESSAGES):
                app.send_task(_TASKS[0], (1,), queue=name, producer=producer)
    beat = threading.Thread(target=_beat, args=(app, workers, stop))
    with app.connection_for_read() as connection:
        for number in range(workers):
            _listen(app, connection, number, queue_names(queues))
        beat.start()
        print("ready", flush=True)
        while not stop.is_set() and os.getppid() == parent:
            try:
                connection.drain_events(timeout=0.5)
            except TimeoutError:
                continue
    stop.set()
    beat.join()


def _listen(app: Celery, connection: Connection, number: int, queues: tuple[str, ...]) -> None:
    hostname = f"cpu{number}@field"
    own = [queues[(number + k) % len(queues)] for k in range(3)]
    values = _values(number, own)
    handlers: dict[str, Callable[..., Any]] = {
        name: partial(_answer, value) for name, value in values.items()
    }
    channel = connection.channel()
    control: Any = app.control
    node = control.mailbox(connection).Node(hostname, channel=channel, handlers=handlers)
    node.listen(channel)


def _answer(value: Any, _state: Any, **_arguments: Any) -> Any:
    return value


def _values(number: int, queues: list[str]) -> Mapping[str, Any]:
    active = [
        {
            "id": f"{number:08x}-0000-4000-8000-{k:012x}", "name": _TASKS[k], "args": [1], "kwargs": {},
            "hostname": f"cpu{number}@field", "time_start": time.time(), "acknowledged": False,
            "delivery_info": {"routing_key": queues[0], "priority": 0}, "worker_pid": 4000 + k,
        }
        for k in range(4)
    ]  # fmt: skip
    return {
        "ping": {"ok": "pong"},
        "stats": {
            "total": {_TASKS[0]: 1000}, "pid": 3000 + number, "clock": "1", "uptime": 4000,
            "prefetch_count": 4,
            "pool": {"implementation": "celery.concurrency.prefork:TaskPool", "max-concurrency": 4,
                     "processes": [4000, 4001, 4002, 4003]},
            "rusage": {"maxrss": 90_000},
        },
        "active": active,
        "reserved": active,
        "scheduled": [],
        "active_queues": [{"name": name, "routing_key": name, "exchange": {"name": name}} for name in queues],
        "registered": list(_TASKS),
        "conf": {"task_acks_late": True, "worker_concurrency": 4},
        "enable_events": {"ok": "task events enabled"},
    }  # fmt: skip


def _beat(app: Celery, workers: int, stop: threading.Event) -> None:
    with app.connection_for_write() as connection:
        channel = connection.channel()
        senders = [
            app.events.Dispatcher(connection, hostname=f"cpu{n}@field", channel=channel, enabled=True)
            for n in range(workers)
        ]
        while not stop.wait(_BEAT_S):
            for sender in senders:
                sender.send(
                    "worker-heartbeat", freq=_BEAT_S, active=4, processed=1000, loadavg=[1.0, 1.0, 1.0],
                    sw_ident="py-celery", sw_ver="5.7.0", sw_sys="Linux",
                )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
