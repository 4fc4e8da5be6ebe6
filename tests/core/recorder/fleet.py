"""Workers of the foreign app as subprocesses, and ways to wait for what they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy import text

from earthgazer_core.db.session import Database
from earthgazer_core.recorder.install import Recorder, recorders
from tests.core.recorder.foreign_app import ForeignConfig, make_app

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 30.0


def eventually(probe: Callable[[], Any], what: str = "it", seconds: float = PATIENCE_S) -> Any:
    """Return the first true answer of ``probe``, asked again and again until the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about within {seconds:g} s; last answer {answer!r}")
        time.sleep(0.03)


class ForeignFleet:
    """The foreign app in this process, its workers in others."""

    app_module = "tests.core.recorder.foreign_worker"
    """What follows ``celery -A``."""

    def __init__(self, config: ForeignConfig, database: Database) -> None:
        self.config = config
        self.database = database
        self.app: Celery = make_app(config)
        self._workers: list[subprocess.Popen[bytes]] = []

    def environment(self) -> dict[str, str]:
        """Return the environment of a worker."""
        return {**os.environ, **self.config.environment()}

    @property
    def log(self) -> str:
        path = self.config.directory / "worker.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start_worker(
        self, *, pool: str = "prefork", concurrency: int = 2, name: str = "one", options: tuple[str, ...] = ()
    ) -> subprocess.Popen[bytes]:
        """Start a worker and return once it answers."""
        with (self.config.directory / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                [
                    sys.executable, "-m", "celery", "-A", self.app_module, "worker",
                    "--pool", pool, "--concurrency", str(concurrency), "--hostname", f"{name}@test",
                    # Asking for neighbours takes each start a second.
                    "--loglevel", "INFO", "--without-mingle", *options,
                ],
                cwd=ROOT,
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self._workers.append(worker)
        ready = f"{name}@test ready"
        seen = self.log.count(ready)
        eventually(lambda: self.log.count(ready) > seen or worker.poll() is not None, f"{ready}: {self.log}")
        assert worker.poll() is None, self.log
        return worker

    def stop_worker(self, worker: subprocess.Popen[bytes]) -> None:
        """End a worker warm; one that doesn't is killed with its pool."""
        self._workers.remove(worker)
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()

    def kill_worker(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker with its pool; one that has ended is only forgotten."""
        self._workers.remove(worker)
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def raise_flag(self, name: str) -> None:
        (self.config.directory / name).touch()

    def runs_of(self, step: str) -> int:
        """Return how often a task has begun, by the journal it keeps beside Celery."""
        return sum(count for line, count in self.journal().items() if line.split()[0] == step)

    def journal(self) -> Counter[str]:
        path = self.config.directory / "journal"
        return Counter(path.read_text().splitlines()) if path.exists() else Counter()

    def row(self, task_id: str) -> dict[str, Any] | None:
        rows = self.rows("select * from earthgazer.task_executions where task_id = :id", id=task_id)
        return rows[0] if rows else None

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.database.session() as session:
            return [dict(row) for row in session.execute(text(statement), values).mappings()]

    def until(self, task_id: str, state: str) -> dict[str, Any]:
        """Return the recorded execution once it is in the state."""

        def reached() -> dict[str, Any] | None:
            row = self.row(task_id)
            return row if row is not None and row["state"] == state else None

        try:
            found: dict[str, Any] = eventually(reached, f"{state} of {task_id}")
        except AssertionError:
            raise AssertionError(f"{task_id} is {self.row(task_id)}, not {state}\n{self.log}") from None
        return found

    def states(self, task_id: str) -> list[str]:
        return [
            row["state"]
            for row in self.rows(
                "select state from earthgazer.task_state_changes where task_id = :id order by at", id=task_id
            )
        ]

    def close(self) -> None:
        for worker in list(self._workers):
            # What they would still do on a warm end is of no interest any more.
            self.kill_worker(worker)
        for recorder in recorders(self.app):
            recorder.close()
        # Results that outlive their server would unsubscribe from it when they are collected.
        consumer: Any = self.app.backend.result_consumer  # type: ignore[attr-defined]
        consumer.stop()
        consumer.subscribed_to.clear()
        self.app.close()


@contextmanager
def foreign_fleet(config: ForeignConfig, database: Database) -> Iterator[ForeignFleet]:
    fleet = ForeignFleet(config, database)
    try:
        yield fleet
    finally:
        fleet.close()


def recorder_of(app: Celery) -> Recorder:
    return recorders(app)[0]
