"""Old history goes, what is still needed stays, and nobody waits for it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from click.testing import CliRunner
from pydantic import SecretStr, ValidationError
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url

from earthgazer_core.celery_app import make_app
from earthgazer_core.cli.main import cli
from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import (
    ChordPartRow,
    ChordRow,
    OperatorActionRow,
    TaskExecutionRow,
    TaskMessageRow,
    TaskStateChangeRow,
    WorkflowRunRow,
    WorkflowStepRow,
)
from earthgazer_core.operations.retention import Pruned, prune
from earthgazer_core.recorder.batch import Batch
from earthgazer_core.recorder.store import connector, write
from earthgazer_core.settings import DatabaseSettings, EarthGazerSettings, RetentionSettings
from tests.core.pipeline import Pipeline

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TABLES = (
    TaskExecutionRow, TaskMessageRow, TaskStateChangeRow, WorkflowRunRow, WorkflowStepRow, ChordRow,
    ChordPartRow,
)  # fmt: skip


def add_run(
    database: Database,
    run_id: str,
    *states: str | None,
    days: float = 100,
    now: datetime = NOW,
    **values: Any,
) -> None:
    """Write a run, one step for each state; None is a step that nobody published."""
    at = now - timedelta(days=days)
    cancelled_at = values.pop("cancelled_at", None)
    with database.session() as session:
        session.add(WorkflowRunRow(run_id=run_id, name="a run", created_at=at, cancelled_at=cancelled_at))
        session.flush()
        session.add(ChordRow(group_id=f"{run_id}-group", size=len(states), seen_at=at))
        for n, state in enumerate(states):
            task_id = f"{run_id}-{n}"
            session.add(WorkflowStepRow(run_id=run_id, task_id=task_id, name="app.a", after=[], ordinal=n))
            if state is not None:
                add_task(session, task_id, state, at, run_id=run_id, group_id=f"{run_id}-group", **values)


def add_task(session: Any, task_id: str, state: str, at: datetime, **values: Any) -> None:
    session.add_all(
        [
            TaskExecutionRow(
                task_id=task_id, name="app.a", state=state, updated_at=at, finished_at=at, **values
            ),
            TaskMessageRow(
                task_id=task_id, headers={}, properties={}, content_type="application/json",
                content_encoding="utf-8", body=b"[[], {}, {}]", published_at=at,
            ),
            TaskStateChangeRow(task_id=task_id, state=state, at=at),
        ]
    )  # fmt: skip
    if values.get("group_id"):
        session.add(
            ChordPartRow(group_id=values["group_id"], task_id=task_id, place=task_id, part=b"1", at=at)
        )


def counts(database: Database) -> dict[str, int]:
    with database.session() as session:
        return {
            table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0
            for table in TABLES
        }


def kept(database: Database) -> set[str]:
    with database.session() as session:
        return set(session.scalars(select(TaskExecutionRow.task_id)))


def pruned(database: Database, **values: Any) -> Pruned:
    return prune(database, RetentionSettings(**values), now=NOW)


def test_a_good_run_goes_with_everything_that_belongs_to_it(database: Database) -> None:
    add_run(database, "old", "SUCCESS", "SUCCESS", "IGNORED", days=31)
    done = pruned(database)
    assert (done.executions, done.messages, done.state_changes, done.runs, done.steps) == (3, 3, 3, 1, 3)
    assert (done.chords, done.chord_parts, done.held) == (1, 3, 0)
    assert set(counts(database).values()) == {0}


def test_a_run_is_as_old_as_its_newest_change(database: Database) -> None:
    add_run(database, "old", "SUCCESS", days=40)
    with database.session() as session:
        add_task(session, "young", "SUCCESS", NOW - timedelta(days=13), run_id="old")
    assert pruned(database).executions == 0
    assert kept(database) == {"old-0", "young"}


def test_details_go_before_their_executions(database: Database) -> None:
    add_run(database, "middle", "SUCCESS", "SUCCESS", days=15)
    done = pruned(database)
    assert (done.messages, done.state_changes, done.chord_parts, done.executions) == (2, 2, 2, 0)
    left = counts(database)
    assert (left["task_executions"], left["workflow_steps"], left["chords"]) == (2, 2, 1)


@pytest.mark.parametrize("state", ["PENDING", "RECEIVED", "STARTED", "PROGRESS", "RETRY", "REPLACED"])
def test_nothing_of_an_unfinished_run_goes(database: Database, state: str) -> None:
    add_run(database, "run", "SUCCESS", state, days=2000)
    before = counts(database)
    done = pruned(database)
    assert counts(database) == before
    assert done.held == 1


def test_a_run_with_steps_to_come_stays(database: Database) -> None:
    add_run(database, "run", "SUCCESS", None, days=2000)
    before = counts(database)
    pruned(database)
    assert counts(database) == before


@pytest.mark.parametrize("states", [("SUCCESS", None), ("SUCCESS", "PENDING"), ("REPLACED", None)])
def test_a_cancelled_run_has_nothing_to_come(database: Database, states: tuple[str | None, ...]) -> None:
    add_run(database, "run", *states, cancelled_at=NOW)
    pruned(database)
    assert kept(database) == set()


def test_a_failure_that_nobody_dismissed_keeps_what_its_retry_needs(database: Database) -> None:
    add_run(database, "run", "SUCCESS", "FAILURE", None, days=2000)
    before = counts(database)
    done = pruned(database)
    assert counts(database) == before
    assert done.held == 1


def test_dismissed_failures_are_kept_longest(database: Database) -> None:
    for name, days in (("young", 364), ("old", 366)):
        add_run(database, name, "SUCCESS", "FAILURE", None, days=days, dismissed_at=NOW)
    done = pruned(database)
    assert kept(database) == {"young-0", "young-1"}
    assert (done.executions, done.runs, done.messages) == (2, 1, 2)
    assert counts(database)["task_messages"] == 2


def test_tasks_without_a_run_go_each_by_itself(database: Database) -> None:
    with database.session() as session:
        add_task(session, "old", "SUCCESS", NOW - timedelta(days=31))
        add_task(session, "young", "SUCCESS", NOW - timedelta(days=1))
        add_task(session, "failed", "FAILURE", NOW - timedelta(days=31))
    pruned(database)
    assert kept(database) == {"young", "failed"}


def test_runs_that_never_had_a_task_and_old_actions_go(database: Database) -> None:
    with database.session() as session:
        session.add(WorkflowRunRow(run_id="empty", name="a run", created_at=NOW - timedelta(days=400)))
        session.add(ChordRow(group_id="lonely", seen_at=NOW - timedelta(days=400)))
        for days in (10, 800):
            session.add(
                OperatorActionRow(
                    at=NOW - timedelta(days=days), who="me", action="task.retry", target={}, outcome="done"
                )
            )
    done = pruned(database)
    assert (done.runs, done.chords, done.actions) == (1, 1, 1)


def test_many_batches_leave_exactly_what_is_kept(database: Database) -> None:
    for n in range(30):
        add_run(database, f"run{n:02}", "SUCCESS", "SUCCESS", "SUCCESS", days=n + 16)
    add_run(database, "large", *["SUCCESS"] * 25, days=50)
    done = prune(database, RetentionSettings(batch_rows=7), now=NOW)
    # Those of exactly 30 days are not older than that.
    assert kept(database) == {f"run{n:02}-{k}" for n in range(15) for k in range(3)}
    assert (done.executions, done.runs, done.busy) == (15 * 3 + 25, 16, 0)


def test_a_dry_run_counts_and_deletes_nothing(database: Database) -> None:
    add_run(database, "old", "SUCCESS", "SUCCESS", days=31)
    before = counts(database)
    done = prune(database, RetentionSettings(), now=NOW, dry_run=True)
    assert (done.executions, done.runs) == (2, 1)
    assert counts(database) == before


def test_it_ends_when_its_time_is_over_and_goes_on_the_next_time(database: Database) -> None:
    for n in range(5):
        add_run(database, f"run{n}", "SUCCESS", days=40 + n)
    first = prune(database, RetentionSettings(batch_rows=1), now=NOW, longest_s=0.0)
    assert not first.is_complete
    assert prune(database, RetentionSettings(batch_rows=1), now=NOW).is_complete
    assert kept(database) == set()


def test_a_run_that_somebody_holds_is_skipped_whole(database: Database) -> None:
    add_run(database, "held", "SUCCESS", "SUCCESS")
    add_run(database, "free", "SUCCESS")
    with database.session() as session:
        session.execute(text("select 1 from earthgazer.task_executions where task_id = 'held-0' for update"))
        began = time.monotonic()
        done = pruned(database)
        assert time.monotonic() - began < 5.0
    assert kept(database) == {"held-0", "held-1"}
    assert (done.executions, done.busy) == (1, 1)
    pruned(database)
    assert kept(database) == set()


@contextmanager
def writing(database_url: str) -> Iterator[list[float]]:
    """The recorder's own statements, one small batch after the other; how long each took in seconds."""
    took: list[float] = []
    stop = threading.Event()
    connect = connector(make_url(database_url), 2)
    failed: list[psycopg2.Error] = []

    def write_on() -> None:
        connection = connect()
        n = 0
        while not stop.is_set():
            at, task_id = datetime.now(UTC), f"new-{n}"
            batch = Batch()
            batch.add("changes", {"task_id": task_id, "state": "STARTED", "at": at, "attempt": 1})
            row = {"task_id": task_id, "name": "app.a", "state": "STARTED", "state_order": 1, "retries": 0}
            batch.add("executions", {**row, "attempt": 1, "updated_at": at})
            # And a late word of a task that is being deleted.
            late = {**row, "task_id": f"run{n % 300}-0", "state": "SUCCESS", "attempt": 1}
            batch.add("executions", {**late, "updated_at": NOW - timedelta(days=100)})
            began = time.monotonic()
            try:
                write(connection, batch)
            except psycopg2.Error as error:
                failed.append(error)
                break
            took.append(time.monotonic() - began)
            n += 1
        connection.close()

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        yield took
    finally:
        stop.set()
        thread.join()
    assert failed == []


def test_a_writer_goes_on_while_history_is_deleted(database: Database, migrated_database_url: str) -> None:
    with database.session() as session:
        for n in range(300):
            session.add(WorkflowRunRow(run_id=f"run{n}", name="a run", created_at=NOW))
            for k in range(10):
                add_task(session, f"run{n}-{k}", "SUCCESS", NOW - timedelta(days=100), run_id=f"run{n}")
    with writing(migrated_database_url) as took:
        deadline = time.monotonic() + 20.0
        while len(took) < 3 and time.monotonic() < deadline:
            pass
        written = len(took)
        done = pruned(database, batch_rows=200)
        assert len(took) > written + 5
    # Far above what a batch takes, far below what a lock held through the whole would.
    assert max(took) < 2.0
    # Runs of which the writer has just said a late word may stay until the next time; most are gone.
    assert done.executions > 1_500


def test_failures_have_to_be_kept_longest() -> None:
    with pytest.raises(ValidationError, match="failures are kept longest"):
        RetentionSettings(successes_days=40, failures_days=30)


def test_the_command_line_tells_and_does_it(database: Database, migrated_database_url: str) -> None:
    add_run(database, "old", "SUCCESS", now=datetime.now(UTC))
    environment = {"EARTHGAZER__DATABASE__URL": migrated_database_url}

    def ask(*arguments: str) -> Any:
        answer = CliRunner(env=environment).invoke(cli, ["db", "prune", *arguments, "--json"])
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout)

    would = ask("--dry-run")
    assert (would["executions"], would["dry_run"]) == (1, True)
    assert kept(database) == {"old-0"}
    assert ask()["executions"] == 1
    assert kept(database) == set()
    with database.session() as session:
        assert session.scalars(select(OperatorActionRow.action)).all() == ["history.prune"]


def test_the_schedule_has_it() -> None:
    settings = EarthGazerSettings(_env_file=None, database=DatabaseSettings(url=SecretStr("postgresql:///x")))  # type: ignore[call-arg]
    settings = settings.model_copy(
        update={"celery": settings.celery.model_copy(update={"broker_url": SecretStr("redis://nowhere")})}
    )
    entry = make_app(settings).conf.beat_schedule["prune-history"]
    assert entry["task"] == "earthgazer.maintenance.prune_history"


@pytest.mark.fleet
def test_a_worker_prunes(settings: EarthGazerSettings, database: Database, tmp_path: Any) -> None:
    add_run(database, "old", "SUCCESS", now=datetime.now(UTC))
    pipeline = Pipeline(settings, tmp_path / "work")
    app = make_app(settings)
    try:
        pipeline.start()
        app.send_task("earthgazer.maintenance.prune_history")
        pipeline.eventually(lambda: "old-0" not in kept(database))
    finally:
        pipeline.stop()
        app.close()
