"""What is told of a run, from its steps and executions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskExecutionRow, WorkflowRunRow, WorkflowStepRow
from earthgazer_core.operations.filter import FilterError
from earthgazer_core.operations.runs import list_runs, show_run


@pytest.mark.parametrize(
    ("is_cancelled", "other", "state"),
    [
        (False, "SUCCESS", "running"),
        (False, "STARTED", "running"),
        (False, "FAILURE", "failed"),
        (True, "REVOKED", "cancelled"),
    ],
)
def test_a_replaced_step_keeps_a_run_going_unless_it_was_cancelled_or_nothing_goes_on_beside_a_failure(
    database: Database, is_cancelled: bool, other: str, state: str
) -> None:
    now = datetime.now(UTC)
    with database.session() as session:
        session.add(WorkflowRunRow(run_id="r", name="w", cancelled_at=now if is_cancelled else None))
        session.flush()
        for task_id, task_state in (("a", "SUCCESS"), ("b", "REPLACED"), ("c", other)):
            session.add(
                TaskExecutionRow(
                    task_id=task_id, name="t", state=task_state, run_id="r", sent_at=now, finished_at=now
                )
            )
    with database.session() as session:
        [run] = list_runs(session)
        shown = {step.task_id: step for step in show_run(session, "r").steps}
    assert run.state == state
    assert shown["b"].error == ("cancelled" if is_cancelled else "")


def some_runs(database: Database, now: datetime) -> None:
    """Three runs of an hour each, a day apart: one failed, one in work, one that succeeded."""
    with database.session() as session:
        for run_id, days, name, state, capture in (
            ("aa-1", 0, "process_single_capture", "STARTED", 12),
            ("bb-2", 1, "process_single_capture", "FAILURE", 12),
            ("cc-3", 2, "full_pipeline", "SUCCESS", 7),
        ):
            made = now - timedelta(days=days, hours=1)
            session.add(WorkflowRunRow(run_id=run_id, name=name, created_at=made))
            session.flush()
            ended = None if state == "STARTED" else made + timedelta(minutes=days * 10)
            session.add(
                TaskExecutionRow(
                    task_id=f"{run_id}-t", name="t", state=state, run_id=run_id, capture_id=capture,
                    sent_at=made, started_at=made, finished_at=ended,
                )
            )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", ["aa-1", "bb-2", "cc-3"]),
        ("single", ["aa-1", "bb-2"]),
        ("state:failed", ["bb-2"]),
        ("-state:failed", ["aa-1", "cc-3"]),
        ("capture:12", ["aa-1", "bb-2"]),
        ("capture:12 state:running,failed", ["aa-1", "bb-2"]),
        ("capture:>10 -state:running", ["bb-2"]),
        ("since:2h", ["aa-1"]),
        ("before:2h", ["bb-2", "cc-3"]),
        ("runtime:>30m", ["aa-1"]),
        ("runtime:5m..15m", ["bb-2"]),
        ("failures:>0", ["bb-2"]),
        ("id:cc*", ["cc-3"]),
        ("NOT 12", ["cc-3"]),
    ],
)
def test_runs_are_found_by_capture_state_and_time(database: Database, line: str, found: list[str]) -> None:
    now = datetime.now(UTC)
    some_runs(database, now)
    with database.session() as session:
        assert [run.run_id for run in list_runs(session, text=line, now=now)] == found


def test_a_filter_looks_through_more_runs_than_it_shows(database: Database) -> None:
    now = datetime.now(UTC)
    some_runs(database, now)
    with database.session() as session:
        assert [run.run_id for run in list_runs(session, text="full", limit=1, now=now)] == ["cc-3"]


def test_a_filter_that_no_run_has_says_where(database: Database) -> None:
    with database.session() as session, pytest.raises(FilterError, match="did you mean state") as caught:
        list_runs(session, text="single stat:failed")
    assert caught.value.position == 7


def test_the_steps_that_a_run_hung_on_are_told(database: Database) -> None:
    now = datetime.now(UTC)
    with database.session() as session:
        session.add(WorkflowRunRow(run_id="r", name="w"))
        session.flush()
        for ordinal, (task_id, after, begin, end) in enumerate(
            (("a", [], 0, 1), ("b", ["a"], 1, 9), ("c", ["a"], 1, 3), ("d", ["b", "c"], 9, 10))
        ):
            at = [now + timedelta(seconds=second) for second in (begin, end)]
            session.add(WorkflowStepRow(run_id="r", task_id=task_id, name="t", after=after, ordinal=ordinal))
            session.add(
                TaskExecutionRow(
                    task_id=task_id, name="t", state="SUCCESS", run_id="r", sent_at=at[0], started_at=at[0],
                    finished_at=at[1],
                )
            )  # fmt: skip
    with database.session() as session:
        steps = show_run(session, "r").steps
    assert {step.task_id for step in steps if step.is_critical} == {"a", "b", "d"}
    assert [step.sent_at for step in steps if step.task_id == "b"] == [now + timedelta(seconds=1)]
