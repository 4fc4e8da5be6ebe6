"""The database away while work goes on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.db.tables import Base
from earthgazer_core.settings import DatabaseSettings
from earthgazer_core.stack.postgres import DATABASE, PostgresServer
from tests.core.recorder.fleet import ForeignFleet, eventually, foreign_fleet
from tests.core.recorder.foreign_app import ForeignConfig

pytestmark = pytest.mark.fleet


@pytest.fixture
def server(short_directory: Path) -> Iterator[PostgresServer]:
    """A database server of this test's own, to be stopped at will."""
    server = PostgresServer(short_directory, is_durable=False, dies_with_parent=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def fleet(broker_url: str, server: PostgresServer, tmp_path: Path) -> Iterator[ForeignFleet]:
    url = server.url_of(DATABASE)
    database = Database(make_engine(DatabaseSettings(url=url, connect_timeout_s=2)))  # type: ignore[arg-type]
    with database.engine.begin() as connection:
        connection.execute(text("create schema earthgazer"))
        Base.metadata.create_all(connection)
    config = ForeignConfig(broker_url, url, tmp_path, Fernet.generate_key().decode())
    with foreign_fleet(config, database) as fleet:
        yield fleet
    database.dispose()


def test_no_task_fails_and_no_record_is_lost(fleet: ForeignFleet, server: PostgresServer) -> None:
    fleet.start_worker()
    tasks = fleet.app.tasks
    before = tasks["steps.add"].delay(1)
    fleet.until(before.id, "SUCCESS")
    server.stop()
    added = [tasks["steps.add"].delay(number) for number in range(20)]
    broken = tasks["steps.needs"].delay(1, flag="a")
    eventually(lambda: fleet.runs_of("add") == 21, "additions without a database")
    eventually(lambda: fleet.runs_of("needs") == 1, "a failure without a database")
    spool = fleet.config.directory / "spool"
    eventually(lambda: any(spool.glob("*.jsonl")), "spool")
    server.start()

    def is_whole(task_id: str) -> bool:
        # the publisher's half, which knows the queue, comes from another process than the worker's
        row = fleet.until(task_id, "SUCCESS")
        return (row["starts"], row["queue"]) == (1, "steps")

    for task in added:
        eventually(partial(is_whole, task.id), "both halves of a record")
    assert fleet.until(broken.id, "FAILURE")["error_type"] == "LookupError"
    assert fleet.rows("select 1 from earthgazer.task_messages where task_id = :id", id=broken.id)
    eventually(lambda: not any(spool.glob("*.jsonl")), "empty spool")
    eventually(lambda: fleet.states(broken.id) == ["PENDING", "RECEIVED", "STARTED", "FAILURE"], "timeline")


def test_a_worker_that_ends_meanwhile_leaves_its_records_on_disk(
    fleet: ForeignFleet, server: PostgresServer
) -> None:
    worker = fleet.start_worker()
    first = fleet.app.tasks["steps.add"].delay(1)
    fleet.until(first.id, "SUCCESS")
    server.stop()
    task = fleet.app.tasks["steps.needs"].delay(1, flag="a")
    eventually(lambda: fleet.runs_of("needs") == 1, "a failure")
    fleet.stop_worker(worker)
    server.start()
    fleet.start_worker()
    fleet.app.tasks["steps.add"].delay(2)
    assert fleet.until(task.id, "FAILURE")["error_type"] == "LookupError"
