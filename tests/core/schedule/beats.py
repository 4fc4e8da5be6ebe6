"""Real beats on real servers, and what they sent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import text

from earthgazer_core.celery_app import EarthGazerApp, make_app
from earthgazer_core.db.session import Database
from earthgazer_core.operations.broker import Message, RedisBroker
from earthgazer_core.operations.schedule import PeriodicTask, list_schedule
from earthgazer_core.recorder.install import _recorders
from earthgazer_core.settings import EarthGazerSettings

REPOSITORY = Path(__file__).resolve().parents[3]
SCHEDULE = "EARTHGAZER_TEST_SCHEDULE"
DIE = "EARTHGAZER_TEST_DIE"
TASK = "earthgazer.maintenance.sweep_work_files"
QUEUE = "maintenance"
NEVER_S = 86_400.0

T = TypeVar("T")


def every(seconds: float, **more: Any) -> dict[str, Any]:
    """Return an entry for ``beat_schedule``."""
    return {"task": TASK, "schedule": seconds, **more}


class Beats:
    """Beats of one app; nobody works on what they send."""

    def __init__(self, settings: EarthGazerSettings, database: Database, directory: Path) -> None:
        recorder = settings.recorder.model_copy(update={"spool_path": directory / "spool"})
        self.settings = settings.model_copy(update={"recorder": recorder})
        self.database = database
        self.directory = directory
        self.app: EarthGazerApp = make_app(self.settings)
        self._running: list[subprocess.Popen[bytes]] = []

    @property
    def log(self) -> str:
        path = self.directory / "beat.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, schedule: Mapping[str, Any], *, die: str = "") -> subprocess.Popen[bytes]:
        """Start a beat; it looks at the database as soon as it has imported everything."""
        celery, database = self.settings.celery, self.settings.database
        assert celery.broker_url is not None
        assert database.url is not None
        with (self.directory / "beat.log").open("ab") as log:
            beat = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "tests.core.schedule.beat_app", "beat",
                 "--pidfile", "", "--loglevel", "INFO"],
                cwd=REPOSITORY,
                env={
                    **os.environ,
                    "EARTHGAZER__CELERY__BROKER_URL": celery.broker_url.get_secret_value(),
                    "EARTHGAZER__DATABASE__URL": database.url.get_secret_value(),
                    "EARTHGAZER__RECORDER__SPOOL_PATH": str(self.directory / "spool"),
                    SCHEDULE: json.dumps(schedule),
                    DIE: die,
                },
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._running.append(beat)
        return beat

    def seed(self, schedule: Mapping[str, Any]) -> None:
        """Run a beat until the database has the schedule."""
        beat = self.start(schedule)
        self.until(lambda: {one.name for one in self.entries()} == set(schedule), "the seeds")
        self.stop(beat)

    def stop(self, beat: subprocess.Popen[bytes]) -> None:
        """End a beat as a supervisor does."""
        self._running.remove(beat)
        beat.send_signal(signal.SIGTERM)
        beat.wait(20)

    def kill(self, beat: subprocess.Popen[bytes]) -> None:
        """Kill a beat."""
        self._running.remove(beat)
        beat.kill()
        beat.wait()

    def entries(self) -> tuple[PeriodicTask, ...]:
        with self.database.session() as session:
            return list_schedule(session)

    def entry(self, name: str) -> PeriodicTask:
        return next(one for one in self.entries() if one.name == name)

    def runs_of(self, name: str) -> int:
        return next((one.total_runs for one in self.entries() if one.name == name), 0)

    def unsent(self) -> list[str]:
        """Return the task ids of the runs that are claimed and not marked as sent."""
        with self.database.session() as session:
            return list(session.scalars(text("SELECT task_id FROM earthgazer.scheduled_runs")))

    def set_due(self, name: str, ago: str) -> None:
        """Have an entry been due some time ago, as if no beat had run since."""
        with self.database.session() as session:
            statement = text(
                "UPDATE earthgazer.schedule_entries SET next_due_at = now() - CAST(:ago AS interval)"
                " WHERE name = :name"
            )
            session.execute(statement, {"ago": ago, "name": name})

    def messages(self) -> tuple[Message, ...]:
        """Return everything that was sent: nobody takes it."""
        broker = RedisBroker(self.app)
        try:
            return broker.peek(QUEUE, 1000)
        finally:
            broker.close()

    def sent_ids(self) -> Counter[str]:
        return Counter(message.task_id for message in self.messages())

    def until(self, probe: Callable[[], T], what: str, timeout_s: float = 30.0) -> T:
        """Return the first true answer; fail after the deadline with the log."""
        deadline = time.monotonic() + timeout_s
        while not (answer := probe()):
            assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}\n{self.log[-6000:]}"
            time.sleep(0.03)
        return answer

    def close(self) -> None:
        for beat in list(self._running):
            self.kill(beat)
        for recorder in list(_recorders):
            if recorder.app is self.app:
                recorder.close()
        self.app.close()
