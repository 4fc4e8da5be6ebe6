"""Tasks that kill what they run in: twice, and never a third time unless an operator says so."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_core.celery_app import make_app
from earthgazer_core.cli.main import cli
from earthgazer_core.db.session import Database
from earthgazer_core.operations.dead_letters import list_dead_letters
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.recorder.kills import BEGUN_BEFORE, kills_in
from earthgazer_core.settings import EarthGazerSettings, RecorderSettings
from earthgazer_core.stack.give_back import give_back
from tests.core.recorder.fleet import ForeignFleet
from tests.core.recorder.foreign_app import ForeignConfig

LOST = {"error_type": "WorkerLostError"}
FLAKY = {"error_type": "RemoteUnavailableError"}


class DyingFleet(ForeignFleet):
    """Our own app, with the tasks of :mod:`tests.core.tasks.dying_worker`."""

    app_module = "tests.core.tasks.dying_worker"

    def __init__(self, config: ForeignConfig, database: Database, settings: EarthGazerSettings) -> None:
        self.config = config
        self.database = database
        self.app = make_app(settings)
        self._workers = []

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "EARTHGAZER__CELERY__BROKER_URL": self.config.broker_url,
            "EARTHGAZER__CELERY__RETRY_BACKOFF_S": "0.1",
            "EARTHGAZER__DATABASE__URL": self.config.database_url,
            "EARTHGAZER__STORAGE__DATA_PATH": str(self.config.directory / "data"),
            "DYING_DIRECTORY": str(self.config.directory),
        }

    def work(self) -> None:
        """Start a worker; those before are dead."""
        for worker in list(self._workers):
            worker.wait(20)
            self.kill_worker(worker)
            give_back(self.app, time.time(), ())
        self.start_worker(concurrency=1, name=f"w{len(self.log)}", options=("--queues", "default"))


@pytest.fixture
def dying(
    broker_url: str,
    migrated_database_url: str,
    database: Database,
    settings: EarthGazerSettings,
    tmp_path: Path,
) -> Iterator[DyingFleet]:
    config = ForeignConfig(broker_url, migrated_database_url, tmp_path)
    recorder = RecorderSettings(spool_path=tmp_path / "spool", flush_interval_s=0.05)
    fleet = DyingFleet(config, database, settings.model_copy(update={"recorder": recorder}))
    yield fleet
    fleet.close()


def dead(fleet: DyingFleet) -> list[str]:
    with fleet.database.session() as session:
        return [letter.task_id for letter in list_dead_letters(session)]


@pytest.mark.fleet
def test_a_task_that_kills_its_process_twice_is_given_up(
    dying: DyingFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Automatic retries of another kind don't count; an operator's retry begins anew."""
    task = dying.app.send_task("earthgazer.default.die_alone", kwargs={"flaky": 2})
    dying.work()
    for number in (1, 2):
        dying.raise_flag(f"die{number}")
    row = dying.until(task.id, "FAILURE")
    assert (row["error_type"], row["attempt"]) == ("DeadLetterError", 1)
    assert "killed 2 times" in row["error_message"]
    assert "signal 9" in row["error_message"]
    assert dying.journal()["alone"] == 2
    assert task.state == "FAILURE"
    assert dead(dying) == [task.id]
    for name, value in dying.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(dying.config.directory)
    told = CliRunner().invoke(cli, ["failures", "--dead", "--json"])
    assert [letter["task_id"] for letter in json.loads(told.stdout)] == [task.id]
    dying.raise_flag("live")
    Retrier(dying.database, dying.app).retry(task.id)
    row = dying.until(task.id, "SUCCESS")
    assert (row["result"], row["attempt"], dying.journal()["alone"]) == ("alive", 2, 3)
    assert dead(dying) == []


@pytest.mark.fleet
@pytest.mark.parametrize(("name", "word"), [("die_with_worker", "worker"), ("die_both_ways", "both")])
def test_a_task_that_kills_its_worker_is_not_begun_a_third_time(
    dying: DyingFleet, name: str, word: str
) -> None:
    """Both times the worker, or first its process alone and then the worker."""
    task = dying.app.send_task(f"earthgazer.default.{name}")
    for number in range(1, 4 if word == "worker" else 3):
        dying.work()
        dying.raise_flag(f"die{number}")
        if word == "both":
            dying.raise_flag(f"die{number + 1}")
    row = dying.until(task.id, "FAILURE")
    assert (row["error_type"], dying.journal()[word]) == ("DeadLetterError", 2)
    assert "a worker died with it" in row["error_message"]
    assert dead(dying) == [task.id]
    dying.raise_flag("live")
    Retrier(dying.database, dying.app).retry(task.id)
    assert dying.until(task.id, "SUCCESS")["attempt"] == 2


@pytest.mark.parametrize(
    ("changes", "kills"),
    [
        ([("STARTED", None)], 0),
        ([("STARTED", None), ("RETRY", FLAKY), ("STARTED", None), ("RETRY", FLAKY), ("STARTED", None)], 0),
        ([("STARTED", None), ("RECEIVED", None), ("STARTED", None)], 1),
        ([("STARTED", None), ("RETRY", LOST), ("STARTED", None)], 1),
        ([("RETRY", LOST), ("RETRY", LOST), ("STARTED", None)], 2),
        ([("STARTED", None), ("RETRY", LOST), ("STARTED", None), ("STARTED", None)], 2),
        ([("STARTED", {BEGUN_BEFORE: True})], 1),
        ([("STARTED", {BEGUN_BEFORE: True}), ("STARTED", {BEGUN_BEFORE: True})], 2),
        ([("STARTED", None), ("STARTED", {BEGUN_BEFORE: True}), ("STARTED", {BEGUN_BEFORE: True})], 2),
        # The end of the first start is missing: its process was killed before it was written.
        ([("STARTED", None), ("STARTED", {"retries": 1}), ("RETRY", LOST), ("STARTED", {"retries": 2})], 1),
        # A worker that only kept it for later never began it.
        ([("RECEIVED", None), ("RECEIVED", None), ("STARTED", None)], 0),
    ],
)
def test_kills_are_counted_from_the_record(
    changes: list[tuple[str, dict[str, object] | None]], kills: int
) -> None:
    assert kills_in(changes) == kills


@given(st.lists(st.sampled_from(["PENDING", "RECEIVED", "STARTED", "RETRY", "SUCCESS", "FAILURE"])))
def test_a_task_was_never_killed_more_often_than_it_began(states: list[str]) -> None:
    assert 0 <= kills_in((state, None) for state in states) <= max(0, states.count("STARTED") - 1)
