"""Fixtures of the live fleet: real workers of a foreign app, and ways to wait for what they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

ROOT = Path(__file__).resolve().parents[3]


def wait_for(condition: Callable[[], Any], timeout_s: float = 20.0, what: str = "") -> Any:
    """Return the first true value of ``condition``, asked every 20 ms."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or condition} did not come true in {timeout_s} s")
        time.sleep(0.02)
    return value


def listeners(client: redis.Redis) -> int:
    """Return how many connections subscribe to channels of the client's own logical database."""
    database = str(client.connection_pool.connection_kwargs["db"])
    return sum(one["db"] == database and one["psub"] != "0" for one in client.client_list())


class ForeignFleet:
    """Starts and stops workers of the foreign app on one broker."""

    def __init__(self, broker_url: str) -> None:
        self.broker_url = broker_url
        self._processes: list[subprocess.Popen[bytes]] = []
        results = None if broker_url.startswith("amqp") else broker_url
        self.app = Celery("foreign-publisher", broker=broker_url, backend=results, set_as_current=False)
        self.app.conf.update(task_send_sent_event=True, task_default_queue="foreign")

    def start_worker(self, name: str = "w1", *options: str, events: bool = True) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ, "FOREIGN_BROKER": self.broker_url, "FOREIGN_EVENTS": "1" if events else "0",
        }  # fmt: skip
        process = subprocess.Popen(
            [
                sys.executable, "-m", "celery", "-A", "tests.tui.fleet.foreign_app", "worker",
                "-n", f"{name}@test", "-c", "2", "-l", "ERROR", "--without-mingle", *options,
            ],
            cwd=ROOT, env=environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._processes.append(process)
        return process

    def send(self, name: str, *args: Any, **options: Any) -> str:
        return str(self.app.send_task(name, args, **options).id)

    def stop(self) -> None:
        for process in self._processes:
            # Children of a killed worker live in its session: all of it has to go.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for process in self._processes:
            process.wait(10)
        self.app.close()


@pytest.fixture
def foreign(broker_url: str) -> Iterator[ForeignFleet]:
    """A foreign fleet without workers yet."""
    fleet = ForeignFleet(broker_url)
    yield fleet
    fleet.stop()
