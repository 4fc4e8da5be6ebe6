"""A fleet that Doctor looks at: the foreign app, its settings as they should be until a test says no."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from earthgazer_core.db.session import Database
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.doctor import Finding, FleetAccess, Thresholds, diagnose, explain_task
from earthgazer_core.operations.doctor.apply import Hands
from earthgazer_core.operations.doctor.see_broker import BrokerWatch
from earthgazer_core.operations.mailbox import Mailbox
from tests.core.recorder.fleet import ROOT, ForeignFleet, eventually
from tests.core.recorder.foreign_app import ForeignConfig

SOUND = {"worker_send_task_events": True, "task_send_sent_event": True}
"""What the foreign app leaves off."""


class WatchedFleet(ForeignFleet):
    """The foreign app with settings of its own, and a Doctor for it."""

    app_module = "tests.core.operations.doctor.watched_app"

    def __init__(self, config: ForeignConfig, database: Database) -> None:
        super().__init__(config, database)
        self.conf: dict[str, Any] = dict(SOUND)
        self.clock_ahead_s = 0.0
        self._beats: list[subprocess.Popen[bytes]] = []
        self._mailbox: Mailbox | None = None
        self._broker: RedisBroker | None = None

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "WATCHED_CONF": json.dumps(self.conf),
            "WATCHED_CLOCK_AHEAD": str(self.clock_ahead_s),
        }

    def configure(self, **settings: Any) -> None:
        """Change settings of the app here and of workers that start from now on."""
        self.conf.update(settings)
        self.app.conf.update(settings)

    def start_worker(
        self, *, pool: str = "prefork", concurrency: int = 2, name: str = "one", options: tuple[str, ...] = ()
    ) -> subprocess.Popen[bytes]:
        """Start a worker and return once it hears commands, a little after it says that it is ready."""
        worker = super().start_worker(pool=pool, concurrency=concurrency, name=name, options=options)
        eventually(lambda: self._hearing() >= len(self._workers), f"{name}@test hears commands")
        return worker

    def _hearing(self) -> int:
        broker = self.access().broker
        assert isinstance(broker, RedisBroker)
        with BrokerWatch(self.app) as watch:
            return watch.seen(broker, ()).server.listeners

    def start_beat(self) -> None:
        """Start a scheduler with a schedule file of its own."""
        directory = self.config.directory
        number = len(self._beats)
        with (directory / f"beat{number}.log").open("wb") as log:
            self._beats.append(
                subprocess.Popen(
                    [
                        sys.executable, "-m", "celery", "-A", self.app_module, "beat", "--loglevel", "INFO",
                        "--schedule", str(directory / f"beat{number}"),
                    ],
                    cwd=ROOT, env=self.environment(), stdout=log, stderr=log, start_new_session=True,
                )
            )  # fmt: skip

    def access(self, **changes: Any) -> FleetAccess:
        """Return Doctor's ways into this fleet."""
        self._mailbox = self._mailbox or Mailbox(self.app)
        self._broker = self._broker or RedisBroker(self.app)
        ways: dict[str, Any] = {
            "app": self.app,
            "mailbox": self._mailbox,
            "broker": self._broker,
            "database": self.database,
            "patience_s": 1.0,
            **changes,
        }
        return FleetAccess(**ways)

    def diagnose(self, **limits: Any) -> dict[str, Finding]:
        """Return what Doctor finds, the first finding by check."""
        found = diagnose(self.access(thresholds=Thresholds(**limits)))
        return {one.check: one for one in reversed(found)}

    def explain(self, task_id: str, **limits: Any) -> dict[str, Finding]:
        """Return why a task is not done, by check."""
        return {one.check: one for one in explain_task(task_id, self.access(thresholds=Thresholds(**limits)))}

    def apply(self, found: Finding) -> str:
        """Apply what Doctor can do itself about a finding."""
        assert found.remedy is not None
        return Hands(self.access()).apply(found.remedy)

    def holds(self, unacked: int) -> None:
        """Wait until workers hold so many messages."""
        broker = self.access().broker
        assert broker is not None
        eventually(lambda: broker.snapshot(["steps"]).unacked == unacked, f"{unacked} unacked\n{self.log}")

    def close(self) -> None:
        for beat in self._beats:
            beat.terminate()
            beat.wait(15)
        if self._mailbox is not None:
            self._mailbox.close()
        if self._broker is not None:
            self._broker.close()
        super().close()


@contextmanager
def watched_fleet(
    broker_url: str, database_url: str, database: Database, directory: Path
) -> Iterator[WatchedFleet]:
    fleet = WatchedFleet(ForeignConfig(broker_url, database_url, directory), database)
    try:
        yield fleet
    finally:
        fleet.close()
