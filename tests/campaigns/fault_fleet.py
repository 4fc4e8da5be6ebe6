"""Servers behind proxies, real workers, and the truth about them, for the campaign with faults."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import redis
from celery import Celery
from sqlalchemy import text
from sqlalchemy.engine import make_url

from earthgazer_core.recorder.install import recorders
from earthgazer_core.stack.files import secret
from earthgazer_core.stack.launch import death_signal
from tests.campaigns.fault_app import QUEUE, make_app
from tests.campaigns.faulty_proxy import FaultyProxy
from tests.campaigns.faulty_terminal import FaultyTerminal
from tests.campaigns.services import CampaignServices, campaign_services

DEADLINE_S = 60.0
"""Longest wait for what has to come."""


def wait_until(is_so: Callable[[], object], timeout_s: float = DEADLINE_S) -> bool:
    """Return whether it became so in time."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class FaultFleet:
    """A broker, a database and workers that reach each other directly, and a console that does not."""

    def __init__(self, services: CampaignServices, broker: FaultyProxy, database: FaultyProxy) -> None:
        self.services = services
        self.broker = broker
        """Between the console and the broker."""
        self.database = database
        """Between the console and the database."""
        self.directory = services.directory
        self.app: Celery = make_app(services.valkey.url, self.directory, services.postgres.url)
        self._workers: dict[str, subprocess.Popen[bytes]] = {}

    # ── workers ───────────────────────────────────────────────────────────
    def start_worker(self, name: str = "w1", processes: int = 2) -> None:
        """Start a worker."""
        env = {
            **os.environ, "FAULTS_BROKER": self.services.valkey.url, "FAULTS_DIRECTORY": str(self.directory),
            "FAULTS_DATABASE": self.services.postgres.url, "PYTHONPATH": str(Path(__file__).parents[2]),
        }  # fmt: skip
        with (self.directory / f"{name}.log").open("wb") as log:
            self._workers[name] = subprocess.Popen(
                [
                    *death_signal("TERM"),
                    sys.executable, "-m", "celery", "-A", "tests.campaigns.fault_app", "worker",
                    "-n", f"{name}@faults", "-c", str(processes), "-Q", QUEUE, "-l", "WARNING",
                    "--without-mingle", "--without-gossip",
                ],
                env=env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def processes(self, name: str = "w1") -> int:
        """Return how many processes a worker's pool has."""
        return len(psutil.Process(self._workers[name].pid).children())

    def stop_worker(self, name: str) -> None:
        """End a worker and whatever it started."""
        process = self._workers.pop(name)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        """End all workers."""
        for name in list(self._workers):
            self.stop_worker(name)
        for one in recorders(self.app):
            # Or it would go on writing to a directory that is gone.
            one.close()
        self.app.close()

    # ── what is true ──────────────────────────────────────────────────────
    def ran(self) -> Counter[str]:
        """Return how often each task ran, by its id."""
        path = self.directory / "ran"
        return Counter(path.read_text().split()) if path.exists() else Counter()

    def depth(self) -> int:
        """Return how many messages wait in the queue of the tasks."""
        with redis.Redis.from_url(self.services.valkey.redis_py_url) as client:
            return sum(
                int(str(client.llen(key)))
                for key in (QUEUE, *(f"{QUEUE}\x06\x16{step}" for step in (3, 6, 9)))
            )

    def states(self) -> Counter[str]:
        """Return how many executions are in each state, by the record."""
        with self.services.database.session() as session:
            rows = session.execute(
                text("select state, count(*) from earthgazer.task_executions group by state")
            )
            return Counter({row[0]: row[1] for row in rows})

    def dismiss_all(self) -> None:
        """Take all failures from the lists of failures."""
        with self.services.database.session() as session:
            session.execute(text("update earthgazer.task_executions set dismissed_at = now()"))

    def send(self, name: str, *arguments: object) -> str:
        """Publish a task and return its id."""
        return str(self.app.send_task(f"faults.{name}", args=arguments).id)

    # ── the console ───────────────────────────────────────────────────────
    def urls(self) -> dict[str, str]:
        """Return the settings of a console that goes through the proxies."""
        password = secret(self.services.valkey.directory, "valkey")
        url = make_url(self.services.postgres.url).set(host="127.0.0.1", port=self.database.port, query={})
        return {
            "EARTHGAZER__CELERY__BROKER_URL": f"redis://:{password}@127.0.0.1:{self.broker.port}/0",
            "EARTHGAZER__DATABASE__URL": url.render_as_string(hide_password=False),
        }

    def console(self, *options: str, with_database: bool = True, is_controlling: bool = True,
                answers: bool = True, direct: bool = False) -> FaultyTerminal:  # fmt: skip
        """Start a console in a terminal of its own."""
        env = {**self.services.env(), **({} if direct else self.urls())}
        if not with_database:
            del env["EARTHGAZER__DATABASE__URL"]
        return FaultyTerminal(
            self.services.console(*options), env=env, cwd=self.directory,
            is_controlling=is_controlling, answers=answers,
        )  # fmt: skip


@contextmanager
def fault_fleet() -> Iterator[FaultFleet]:
    """Yield servers and proxies, without a worker yet; nothing is left of them."""
    with ExitStack() as stack:
        services = stack.enter_context(campaign_services())
        host = Path(str(make_url(services.postgres.url).query["host"]))
        broker = stack.enter_context(FaultyProxy(_to(services.valkey.socket_path)))
        database = stack.enter_context(FaultyProxy(_to(host / ".s.PGSQL.5432")))
        fleet = FaultFleet(services, broker, database)
        stack.callback(fleet.close)
        yield fleet


def _to(path: Path) -> Callable[[], socket.socket]:
    def connect() -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(str(path))
        except OSError:
            link.close()
            raise
        return link

    return connect
