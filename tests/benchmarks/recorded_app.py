"""An app of one short task, with or without the flight recorder, as the environment says."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from celery import Celery, signals
from pydantic import SecretStr

from earthgazer_core import recorder
from earthgazer_core.settings import DatabaseSettings, RecorderSettings


def make_app() -> Celery:
    """Return the app that ``BENCH_…`` variables describe."""
    url = os.environ["BENCH_BROKER"]
    app = Celery("bench", broker=url, backend=url, set_as_current=False)
    tells = bool(os.environ.get("BENCH_EVENTS"))
    app.conf.update(
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        task_default_queue="bench",
        task_create_missing_queues=True,
        broker_connection_retry_on_startup=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_send_task_events=tells,
        task_send_sent_event=tells,
        # as EarthGazer's own app has it
        task_track_started=True,
        result_extended=True,
    )

    @app.task(name="bench.nothing", shared=False)
    def nothing(capture_id: int, bands: list[str], force: bool = False) -> dict[str, Any]:
        return {"capture_id": capture_id, "outcome": "ok"}

    if os.environ.get("BENCH_RECORDS"):
        directory = Path(os.environ["BENCH_DIRECTORY"])
        made = recorder.install(
            app,
            RecorderSettings(spool_path=directory / "spool"),
            DatabaseSettings(url=SecretStr(os.environ["BENCH_DATABASE"])),
        )
        if os.environ.get("BENCH_TIMES") and made is not None:
            _Stopwatch(made, directory)
    return app


class _Stopwatch:
    """Sums up what the recorder's handlers take of the thread that runs the task, by task."""

    def __init__(self, made: recorder.Recorder, directory: Path) -> None:
        self._directory = directory
        self._took: dict[str, int] = defaultdict(int)
        receivers = list(made._receivers)
        timed = (signals.task_received, signals.task_prerun, signals.task_success, signals.task_postrun)
        for signal, receiver in receivers:
            if signal in timed:
                signal.disconnect(receiver)
                signal.connect(self._timing(receiver), weak=False)
        signals.worker_process_shutdown.connect(self._dump, weak=False)
        signals.worker_shutdown.connect(self._dump, weak=False)

    def _timing(self, receiver: Callable[..., None]) -> Callable[..., None]:
        def timed(sender: Any = None, **told: Any) -> None:
            task_id = told.get("task_id") or getattr(told.get("request"), "id", None) or sender.request.id
            began = time.thread_time_ns()
            receiver(sender=sender, **told)
            self._took[task_id] += time.thread_time_ns() - began

        return timed

    def _dump(self, **_: Any) -> None:
        path = self._directory / f"times-{os.getpid()}.json"
        path.write_bytes(orjson.dumps(self._took))
