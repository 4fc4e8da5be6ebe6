"""One call that connects the flight recorder to a Celery app."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import platformdirs
from celery import Celery, current_task, signals

from earthgazer_core.recorder import scope
from earthgazer_core.recorder.chords import ChordRecorder
from earthgazer_core.recorder.describe import Describer
from earthgazer_core.recorder.log_tail import LogTail
from earthgazer_core.recorder.message import Seal
from earthgazer_core.recorder.publisher import PublishRecorder
from earthgazer_core.recorder.redaction import Redactor
from earthgazer_core.recorder.revocations import answer_to_forget_revoked
from earthgazer_core.recorder.spool import Spool
from earthgazer_core.recorder.store import connector
from earthgazer_core.recorder.worker import WorkRecorder
from earthgazer_core.recorder.writer import Writer
from earthgazer_core.settings import DatabaseSettings, RecorderSettings

_recorders: list[Recorder] = []


class Recorder:
    """A flight recorder connected to one app; nothing is opened before the first record."""

    def __init__(self, app: Celery, settings: RecorderSettings, database: DatabaseSettings) -> None:
        directory = settings.spool_path or platformdirs.user_data_path("earthgazer") / "spool"
        self.redactor = redactor = Redactor(app, settings.redact)
        """Hides what is not to be written."""
        key = settings.encryption_key.get_secret_value() if settings.encryption_key else None
        seal = Seal(key)
        describer = Describer(app, redactor, seal)
        self.app = app
        self.spool = Spool(Path(directory), settings.spool_max_bytes)
        self.writer = Writer(
            connector(database.sqlalchemy_url(), database.connect_timeout_s),
            self.spool,
            settings.flush_interval_s,
        )
        self._log_tail = LogTail()
        self._work = WorkRecorder(app, self.writer, describer, ChordRecorder(app, seal), self._log_tail)
        publish = PublishRecorder(self.writer, describer, redactor)
        self._receivers: list[tuple[Any, Callable[..., None]]] = [
            (signals.before_task_publish, publish.before),
            (signals.after_task_publish, publish.after),
            (signals.task_received, self._work.received),
            (signals.task_prerun, self._work.started),
            (signals.task_success, self._work.succeeded),
            (signals.task_postrun, self._work.ended),
            (signals.task_retry, self._work.retried),
            (signals.task_failure, self._work.failed),
            (signals.task_internal_error, self._work.broken),
            (signals.task_revoked, self._work.revoked),
            (signals.task_unknown, self._work.unknown),
            (signals.worker_init, answer_to_forget_revoked),
            (signals.worker_process_shutdown, self._flush),
            (signals.worker_shutdown, self._flush),
        ]

    def connect(self) -> None:
        """Begin to record."""
        for signal, receiver in self._receivers:
            signal.connect(receiver, weak=False)
        scope.listeners.append(self._run_began)
        atexit.register(self.writer.close)
        _recorders.append(self)

    def close(self) -> None:
        """Write what is left and record no more; calling it again changes nothing."""
        if self not in _recorders:
            return
        _recorders.remove(self)
        for signal, receiver in self._receivers:
            signal.disconnect(receiver)
        scope.listeners.remove(self._run_began)
        atexit.unregister(self.writer.close)
        self._log_tail.detach()
        self.writer.close()

    def note_progress(self, task_id: str, percent: float, stage: str) -> None:
        """Record how far the running task of this id is; other ids are ignored."""
        request: Any = current_task.request if current_task else None
        if (
            request is not None
            and request.id == task_id
            and current_task.app is self.app
            and not request.is_eager
        ):
            self._work.progressed(request, percent, stage)

    def _run_began(self, run_id: str, name: str, parameters: Mapping[str, Any]) -> None:
        row = {
            "run_id": run_id,
            "name": name,
            "parameters": dict(parameters),
            "created_at": self.writer.clock.now(),
            "is_named": True,
        }
        self.writer.add([("runs", row)])

    def _flush(self, **_: Any) -> None:
        self.writer.close()


def install(app: Celery, settings: RecorderSettings, database: DatabaseSettings) -> Recorder | None:
    """Record everything that this process publishes or runs for the app; a second call changes nothing.

    Connects no server: a thread does so with the first record. Where the database is away, records
    wait in the spool; no task ever fails or waits for long because of it.

    Returns:
        The recorder; None where recording is switched off or no database is configured.

    Raises:
        InvalidInputError: the encryption key isn't one.
    """
    for recorder in recorders(app):
        return recorder
    if not settings.enabled or not database.is_configured:
        return None
    recorder = Recorder(app, settings, database)
    recorder.connect()
    return recorder


def recorders(app: Celery | None = None) -> list[Recorder]:
    """Return what records in this process: for an app one recorder or none, without one all of them."""
    return [recorder for recorder in _recorders if app is None or recorder.app is app]


def note_progress(task_id: str, percent: float, stage: str) -> None:
    """Record how far the task that runs here is.

    Args:
        task_id: Its id.
        percent: 0 to 100.
        stage: What it is doing, a word or two.
    """
    for recorder in _recorders:
        recorder.note_progress(task_id, percent, stage)
