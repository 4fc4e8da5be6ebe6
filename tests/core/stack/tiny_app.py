"""A Celery app of two tasks for workers that tests supervise."""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import Celery

_BROKER = os.environ.get("EARTHGAZER__CELERY__BROKER_URL", "redis+socket:///nowhere")

app = Celery("tiny", broker=_BROKER, backend=_BROKER)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_default_queue="io_queue",
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 3600},
)


@app.task(name="tiny.note")
def note(path: str, seconds: float = 0.0) -> None:
    """Write ``started``, wait, write ``done``."""
    with Path(path).open("a") as file:
        file.write("started\n")
        file.flush()
        time.sleep(seconds)
        file.write("done\n")
