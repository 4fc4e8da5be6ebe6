"""Revoking and ending real tasks."""

from __future__ import annotations

import os
from typing import Any

import pytest
from celery import chain, chord

from earthgazer_core import recorder
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.cancel import cancel_run
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.revoke import revoke
from earthgazer_core.operations.runs import list_runs, show_run
from tests.core.recorder.fleet import ForeignFleet, eventually

pytestmark = pytest.mark.fleet


def test_each_worker_answers(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    fleet.start_worker(concurrency=1)
    fleet.start_worker(concurrency=1, name="two")
    blockers = [fleet.app.tasks["steps.wait"].delay("go") for _ in range(2)]
    for blocker in blockers:
        fleet.until(blocker.id, "PROGRESS")
    waiting = fleet.app.tasks["steps.add"].delay(1)
    result = revoke(fleet.database, mailbox, [waiting.id], expected=["one@test", "two@test"], timeout_s=5)
    assert result.revoked == (waiting.id,)
    assert {answer.worker for answer in result.answers.answers} == {"one@test", "two@test"}
    assert result.answers.is_ok
    fleet.raise_flag("go")
    row = fleet.until(waiting.id, "REVOKED")
    assert row["error_type"] == "revoked"
    assert fleet.runs_of("add") == 0
    [audit] = fleet.rows("select * from earthgazer.operator_actions")
    assert (audit["action"], audit["outcome"], set(audit["detail"]["answers"])) == (
        "task.revoke", "done", {"one@test", "two@test"},
    )  # fmt: skip


def test_a_task_that_has_ended_is_left_alone(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    fleet.start_worker()
    task = fleet.app.tasks["steps.needs"].delay(1, flag="a")
    fleet.until(task.id, "FAILURE")
    result = revoke(fleet.database, mailbox, [task.id], expected=["one@test"])
    assert (result.revoked, result.answers.answers) == ((), ())
    assert result.refused == {task.id: "it is FAILURE: it has ended"}


def test_a_running_task_is_ended_on_its_worker(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    fleet.start_worker(concurrency=1)
    fleet.start_worker(concurrency=1, name="two")
    task = fleet.app.tasks["steps.wait"].delay("never", 60)
    row = fleet.until(task.id, "PROGRESS")
    result = revoke(
        fleet.database, mailbox, [task.id], terminate=True, expected=["one@test", "two@test"], timeout_s=5
    )
    assert result.terminated == {task.id: row["worker"]}
    ended = fleet.until(task.id, "REVOKED")
    assert ended["error_type"] == "terminated"

    def is_gone() -> bool:
        try:
            os.kill(row["pid"], 0)
        except ProcessLookupError:
            return True
        return False

    eventually(is_gone, "end of the process")


def test_a_thread_cannot_be_ended(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    fleet.start_worker(pool="threads")
    task = fleet.app.tasks["steps.wait"].delay("go")
    fleet.until(task.id, "PROGRESS")
    result = revoke(fleet.database, mailbox, [task.id], terminate=True, expected=["one@test"], timeout_s=5)
    assert result.revoked == ()
    assert "threads pool can't end a task" in result.refused[task.id]
    fleet.raise_flag("go")
    fleet.until(task.id, "SUCCESS")


def test_a_cancelled_run_brings_nothing_more(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    """Not the steps that were foretold, nor the group that a running step only now invents."""
    fleet.start_worker(concurrency=1)
    tasks = fleet.app.tasks
    with recorder.run_scope("long") as run_id:
        last: Any = chain(
            tasks["steps.wait"].s("go"), tasks["steps.add"].si(1), tasks["steps.add"].si(2)
        ).apply_async()
        fan_out = tasks["steps.fan_out"].delay(3)
    fleet.until(last.parent.parent.id, "PROGRESS")
    fleet.until(fan_out.id, "PENDING")
    result = cancel_run(fleet.database, mailbox, run_id, expected=["one@test"])
    assert set(result.published) == {last.parent.parent.id, fan_out.id}
    assert set(result.future) == {last.parent.id, last.id}
    assert result.answers.is_ok
    fleet.raise_flag("go")
    fleet.until(last.parent.parent.id, "SUCCESS")
    fleet.until(last.parent.id, "REVOKED")
    fleet.until(fan_out.id, "REVOKED")
    other = tasks["steps.look"].delay(1)
    fleet.until(other.id, "SUCCESS")
    assert fleet.runs_of("add") == 0
    with fleet.database.session() as session:
        detail = show_run(session, run_id)
        assert detail.row.state == "cancelled"
        assert [step.error for step in detail.steps if step.state == "FUTURE"] != [""]
    with pytest.raises(RefusedError, match="nothing of it is left"):
        cancel_run(fleet.database, mailbox, _finished_run(fleet))


def test_what_a_running_step_invents_is_discarded_too(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    fleet.start_worker(concurrency=1)
    with recorder.run_scope("spawning") as run_id:
        first = fleet.app.tasks["steps.wait"].apply_async(("go",), link=fleet.app.tasks["steps.spawn"].si(2))
    fleet.until(first.id, "PROGRESS")
    # Only the stamp knows what the link will spawn: forget the foretold step itself.
    mailbox.ask("revoke_by_stamped_headers", {"headers": {"run_id": [run_id]}}, expected=["one@test"])
    fleet.raise_flag("go")
    fleet.until(first.id, "SUCCESS")
    eventually(
        lambda: (
            [
                row["state"]
                for row in fleet.rows(
                    "select state from earthgazer.task_executions where name = 'steps.spawn'"
                )
            ]
            == ["REVOKED"]
        ),
        "discarded",
    )
    assert fleet.runs_of("spawn") == 0


def test_a_run_is_shown_as_a_tree(fleet: ForeignFleet) -> None:
    fleet.start_worker()
    tasks = fleet.app.tasks
    with recorder.run_scope("tree", {"n": 1}) as run_id:
        body = (
            tasks["steps.look"].s(7)
            | tasks["steps.add"].s(1)
        )  # fmt: skip
        chord([tasks["steps.add"].s(1), tasks["steps.needs"].s(2, flag="a")])(body | tasks["steps.add"].s(9))
    eventually(lambda: fleet.runs_of("needs") == 1, "failure")

    def failed() -> bool:
        with fleet.database.session() as session:
            return [run.state for run in list_runs(session)] == ["failed"]

    eventually(failed, "failed run")
    with fleet.database.session() as session:
        detail = show_run(session, run_id)
    row = detail.row
    assert (row.name, row.state, row.total, row.done, row.failed, row.percent) == (
        "tree",
        "failed",
        5,
        1,
        1,
        20.0,
    )
    assert [(step.name, step.state, step.joined) for step in detail.steps] == [
        ("steps.add", "SUCCESS", None),
        ("steps.needs", "FAILURE", None),
        ("steps.look", "FUTURE", (1, 2)),
        ("steps.add", "FUTURE", None),
        ("steps.add", "FUTURE", None),
    ]
    assert detail.steps[2].error == f"blocked by {detail.steps[1].task_id}"
    assert detail.steps[1].error == "LookupError: no a yet"


def _finished_run(fleet: ForeignFleet) -> str:
    with recorder.run_scope("short") as run_id:
        task = fleet.app.tasks["steps.look"].delay(1)
    fleet.until(task.id, "SUCCESS")
    return run_id
