"""What the recorder keeps of tasks that real workers run."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from celery import chain, chord, group

from earthgazer_core import recorder
from tests.core.recorder.fleet import ForeignFleet, eventually, recorder_of

pytestmark = pytest.mark.fleet


def test_a_task_that_succeeds_is_recorded_with_all_its_states(fleet: ForeignFleet) -> None:
    fleet.start_worker()
    task = fleet.app.tasks["steps.add"].apply_async((2, 3), priority=5)
    # The worker and its pool process each write in their own time: the end may be told before the receipt.
    eventually(lambda: fleet.states(task.id) == ["PENDING", "RECEIVED", "STARTED", "SUCCESS"], "timeline")
    row = fleet.until(task.id, "SUCCESS")
    assert (row["name"], row["result"], row["queue"], row["worker"]) == ("steps.add", 5, "steps", "one@test")
    assert (row["attempt"], row["starts"], row["retries"]) == (1, 1, 0)
    assert row["sent_at"] <= row["received_at"] <= row["started_at"] <= row["finished_at"]
    assert row["runtime_s"] is not None
    assert row["args_repr"] == "(2, 3)"
    [message] = fleet.rows("select * from earthgazer.task_messages where task_id = :id", id=task.id)
    assert message["headers"]["task"] == "steps.add"
    assert bytes(message["body"]).startswith(b"[[2, 3], {}, ")


def test_a_failure_is_recorded_with_its_traceback(fleet: ForeignFleet) -> None:
    fleet.start_worker()
    task = fleet.app.tasks["steps.needs"].delay(1, flag="a")
    row = fleet.until(task.id, "FAILURE")
    assert (row["error_type"], row["error_message"]) == ("LookupError", "no a yet")
    assert "raise LookupError" in row["traceback"]
    assert row["finished_at"] is not None


def test_automatic_retries_are_one_execution(fleet: ForeignFleet) -> None:
    fleet.start_worker()
    task = fleet.app.tasks["steps.flaky"].delay(2)
    # Each of the pool's processes writes in its own time, so the last record to come may be any.
    fleet.until(task.id, "SUCCESS")
    row = eventually(lambda: (row := fleet.row(task.id)) and row["starts"] == 3 and row, "three starts")
    assert (row["retries"], row["error_type"]) == (2, None)
    expected = {"PENDING": 1, "STARTED": 3, "RETRY": 2, "SUCCESS": 1}
    found: list[str] = eventually(
        lambda: (
            (states := [state for state in fleet.states(task.id) if state != "RECEIVED"])
            and Counter(states) == expected
            and states
        ),
        "all states",
    )
    starts, retries = ([n for n, state in enumerate(found) if state == kind] for kind in ("STARTED", "RETRY"))
    # Another process may start the next try before the one that asked for it gets to say so.
    assert all(retry > start for start, retry in zip(starts, retries, strict=False))
    assert found[0] == "PENDING"
    assert found.index("SUCCESS") > starts[-1]


def test_a_run_knows_its_future_steps(fleet: ForeignFleet) -> None:
    """Nothing runs: the graph comes from the first message alone."""
    tasks = fleet.app.tasks
    add, total = tasks["steps.add"], tasks["steps.total"]
    with recorder.run_scope("three ways", {"ids": [1, 2]}) as run_id:
        chain(add.s(1), group(add.s(1), chain(add.s(2), add.s(3))), total.s(), add.s(5)).apply_async()
    steps = eventually(
        lambda: fleet.rows(
            "select * from earthgazer.workflow_steps where run_id = :r order by ordinal", r=run_id
        ),
        "steps",
    )
    assert [step["name"] for step in steps] == ["steps.add"] * 4 + ["steps.total", "steps.add"]
    head, left, right, right_next, body, _ = (step["task_id"] for step in steps)
    assert [step["after"] for step in steps] == [[], [head], [head], [right], [left, right_next], [body]]
    assert steps[4]["chord_size"] == 2
    [run] = fleet.rows("select * from earthgazer.workflow_runs where run_id = :r", r=run_id)
    assert (run["name"], run["parameters"]) == ("three ways", {"ids": [1, 2]})
    assert [row["run_id"] for row in fleet.rows("select run_id from earthgazer.task_executions")] == [run_id]


def test_all_that_follows_belongs_to_the_run(fleet: ForeignFleet) -> None:
    fleet.start_worker()
    tasks = fleet.app.tasks
    add, total = tasks["steps.add"], tasks["steps.total"]
    with recorder.run_scope("all") as run_id:
        chord([add.s(1), chain(add.s(2), add.s(3)), tasks["steps.fan_out"].s(2)])(total.s() | add.s(4))
        spawned = tasks["steps.spawn"].delay(2)
    fleet.until(spawned.id, "SUCCESS")
    eventually(lambda: fleet.runs_of("add") >= 8, "eight additions")
    eventually(
        lambda: (
            fleet.rows("select count(*) as n from earthgazer.task_executions where state = 'SUCCESS'")[0]["n"]
            >= 10
        ),
        "recorded",
    )
    rows = fleet.rows("select distinct run_id from earthgazer.task_executions")
    assert [row["run_id"] for row in rows] == [run_id]


def test_a_body_that_never_runs_is_blocked_by_its_header(fleet: ForeignFleet) -> None:
    fleet.start_worker()
    tasks = fleet.app.tasks
    result: Any = chord([tasks["steps.add"].s(1), tasks["steps.needs"].s(2, flag="a")])(
        tasks["steps.total"].s()
    )
    row = fleet.until(result.id, "FAILURE")
    header = next(
        row for row in fleet.rows("select * from earthgazer.task_executions") if row["name"] == "steps.needs"
    )
    assert row["blocked_by"] == header["task_id"]
    assert row["error_type"] == "ChordError"
    assert fleet.runs_of("total") == 0


def test_progress_and_capture_are_recorded(fleet: ForeignFleet) -> None:
    fleet.start_worker()
    waiting = fleet.app.tasks["steps.wait"].delay("go")
    row = fleet.until(waiting.id, "PROGRESS")
    assert (row["percent"], row["stage"], row["starts"]) == (40, "waiting", 1)
    fleet.raise_flag("go")
    fleet.until(waiting.id, "SUCCESS")
    looked = fleet.app.tasks["steps.look"].delay(17)
    assert fleet.until(looked.id, "SUCCESS")["capture_id"] == 17


def test_a_killed_process_is_a_failure_with_its_message(fleet: ForeignFleet) -> None:
    fleet.start_worker()
    task = fleet.app.tasks["steps.die"].delay("alive")
    row = fleet.until(task.id, "FAILURE")
    assert row["error_type"] == "WorkerLostError"
    assert fleet.rows("select 1 from earthgazer.task_messages where task_id = :id", id=task.id)


def test_a_publisher_without_recorder_is_no_obstacle(fleet: ForeignFleet) -> None:
    fleet.start_worker()
    recorder_of(fleet.app).close()
    task = fleet.app.tasks["steps.needs"].delay(1, flag="a")
    row = fleet.until(task.id, "FAILURE")
    [message] = fleet.rows("select * from earthgazer.task_messages where task_id = :id", id=task.id)
    assert message["headers"]["id"] == task.id
    assert bytes(message["body"]).startswith(b"[[1], ")
    assert not row["is_redacted"]
    eventually(lambda: (fleet.row(task.id) or {})["queue"] == "steps", "queue")


def test_a_task_without_worker_code_is_a_failure(fleet: ForeignFleet) -> None:
    fleet.start_worker()
    task = fleet.app.send_task("steps.nowhere", args=(1,))
    assert fleet.until(task.id, "FAILURE")["error_type"] == "NotRegistered"
