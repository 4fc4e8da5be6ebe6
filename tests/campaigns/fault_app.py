"""The fleet of the campaign with faults: tasks that note each time they run, with the flight recorder."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from celery import Celery
from pydantic import SecretStr

from earthgazer_core import recorder
from earthgazer_core.settings import DatabaseSettings, RecorderSettings

QUEUE = "faults"
"""Where its tasks wait."""


def make_app(broker_url: str, directory: Path, database_url: str | None) -> Celery:
    """Return the app.

    Args:
        broker_url: Its broker, which keeps its results as well.
        directory: Where tasks note that they ran.
        database_url: Where the recorder writes; None for no recorder.
    """
    app = Celery("faults", broker=broker_url, backend=broker_url, set_as_current=False)
    app.conf.update(
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        task_default_queue=QUEUE,
        task_create_missing_queues=True,
        broker_connection_retry_on_startup=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_send_task_events=True,
        task_send_sent_event=True,
        task_track_started=True,
        result_extended=True,
        broker_connection_max_retries=None,
        broker_transport_options={"socket_timeout": 10.0, "socket_connect_timeout": 3.0},
    )

    @app.task(name="faults.nap", bind=True, shared=False)
    def nap(self: Any, seconds: float) -> str:
        _note(directory, self.request.id)
        time.sleep(seconds)
        return "slept"

    @app.task(name="faults.fail", bind=True, shared=False)
    def fail(self: Any) -> None:
        _note(directory, self.request.id)
        raise ValueError("as asked")

    if database_url is not None:
        recorder.install(
            app,
            RecorderSettings(spool_path=directory / "spool"),
            DatabaseSettings(url=SecretStr(database_url)),
        )
    return app


def _note(directory: Path, task_id: str) -> None:
    descriptor = os.open(directory / "ran", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"{task_id}\n".encode())
    finally:
        os.close(descriptor)


def __getattr__(name: str) -> Celery:
    """Make the app as ``celery -A`` asks for it, as the environment says."""
    if name != "app":
        raise AttributeError(name)
    return make_app(
        os.environ["FAULTS_BROKER"], Path(os.environ["FAULTS_DIRECTORY"]), os.environ.get("FAULTS_DATABASE")
    )
