"""A Celery app that knows nothing of EarthGazer; its broker comes from FOREIGN_BROKER."""

from __future__ import annotations

import os
import time
from typing import Any

from celery import Celery

_broker = os.environ.get("FOREIGN_BROKER", "")
# Only Redis serves as both.
app = Celery(
    "foreign", broker=_broker or None, backend=None if _broker.startswith("amqp") else _broker or None
)
app.conf.update(
    task_send_sent_event=True,
    worker_send_task_events=os.environ.get("FOREIGN_EVENTS", "1") == "1",
    task_default_queue="foreign",
    task_track_started=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 60},
)


@app.task(name="foreign.add")
def add(x: int, y: int) -> int:
    return x + y


@app.task(name="foreign.fail")
def fail(reason: str) -> None:
    raise ValueError(reason)


@app.task(name="foreign.fail_once")
def fail_once(key: str) -> str:
    if _client().incr(f"begun:{key}") == 1:
        raise ValueError(f"{key} fails once")
    return key


@app.task(name="foreign.count")
def count(key: str) -> int:
    return int(_client().incr(f"count:{key}"))


@app.task(name="foreign.sleep")
def sleep(seconds: float) -> None:
    time.sleep(seconds)


@app.task(name="foreign.evil\x1b]0;owned\x07\u202e")
def evil(*args: Any) -> Any:
    return args


def _client() -> Any:
    backend: Any = app.backend
    return backend.client
