"""Workers of the short-task app, and what rounds of tasks cost them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil
import redis

from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.stack.launch import death_signal
from tests.benchmarks.recorded_app import make_app
from tests.conftest import redis_py_url

PYTHON = sys.executable
ROOT = Path(__file__).resolve().parents[2]
_START_S = 60.0
_ROUND_S = 400.0
_FLUSHED_S = 0.6
"""The recorder writes within a quarter of a second; then the processor time of that is counted too."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of tasks took."""

    cpu_us: float
    """Processor time of the worker with its pool, a task."""
    per_s: float
    """Tasks per second."""
    publisher: Mapping[str, float]
    """What the publisher told of itself."""


class RecordedFleet:
    """One worker with a broker database of its own; it consumes only within a round."""

    def __init__(self, broker_url: str, database_url: str, directory: Path, *, processes: int = 1,
                 **flags: bool) -> None:  # fmt: skip
        directory.mkdir(parents=True)
        self.directory = directory
        self.environment = {
            **os.environ, "BENCH_BROKER": broker_url, "BENCH_DATABASE": database_url,
            "BENCH_DIRECTORY": str(directory),
            **{f"BENCH_{name.upper()}": "1" for name, is_on in flags.items() if is_on},
        }  # fmt: skip
        self._redis = redis.Redis.from_url(redis_py_url(broker_url))
        self._log = directory / "worker.log"
        self._hostname = f"bench@{directory.name}"
        events = ["--task-events"] if flags.get("events") else []
        with self._log.open("wb") as log:
            self.worker = subprocess.Popen(
                [*death_signal("TERM"), PYTHON, "-m", "celery", "-A", "tests.benchmarks.recorded_worker",
                 "worker", "--concurrency", str(processes), "--queues", "idle", "--hostname", self._hostname,
                 "--without-mingle", "--without-gossip", "--loglevel", "INFO", *events],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        saved = {name: os.environ.get(name) for name in ("BENCH_BROKER", "BENCH_RECORDS")}
        os.environ["BENCH_BROKER"] = broker_url
        os.environ.pop("BENCH_RECORDS", None)
        self._app = make_app()
        for name, value in saved.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        self._mailbox = Mailbox(self._app)

    def wait_until_ready(self) -> None:
        """Wait until the worker listens."""
        self._until(lambda: b" ready." in self._log.read_bytes(), _START_S)

    def round(self, n: int) -> Round:
        """Publish tasks to a queue that nobody consumes, then let the worker have them."""
        told = self.publish(n)
        began, before = time.monotonic(), self.cpu_s()
        self._consume("add_consumer")
        self._until(self._is_done, _ROUND_S)
        wall_s = time.monotonic() - began
        self._consume("cancel_consumer")
        time.sleep(_FLUSHED_S)
        cpu_s = self.cpu_s() - before
        done = told["published"]
        return Round(cpu_s / done * 1e6, done / wall_s, told)

    def publish(self, n: int) -> dict[str, float]:
        """Publish from a process of its own and return what it tells."""
        command = (PYTHON, "-m", "tests.benchmarks.recorded_publisher", str(n), "bench")
        done = subprocess.run(command, cwd=ROOT, env=self.environment, check=True, capture_output=True)
        told: dict[str, float] = orjson.loads(done.stdout)
        return told

    def cpu_s(self) -> float:
        """Processor time so far of the worker and its pool."""
        parent = psutil.Process(self.worker.pid)
        total = 0.0
        for process in (parent, *parent.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system
        return total

    def stop(self) -> None:
        """End the worker, warm if it will."""
        self._mailbox.close()
        self._app.close()
        self._redis.close()
        self.worker.send_signal(signal.SIGTERM)
        try:
            self.worker.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.worker.pid, signal.SIGKILL)
            self.worker.wait()

    def _consume(self, command: str) -> None:
        answers = self._mailbox.ask(command, {"queue": "bench"}, expected=[self._hostname], timeout_s=5.0)
        if not answers.values:
            raise RuntimeError(f"{command} was not answered: {self._log.read_text()[-2000:]}")

    def _is_done(self) -> bool:
        with self._redis.pipeline() as pipe:
            pipe.llen("bench")
            pipe.hlen("unacked")
            return not any(pipe.execute())

    def _until(self, is_so: Any, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not is_so():
            if self.worker.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"not in time: {self._log.read_text()[-2000:]}")
            time.sleep(0.02)
