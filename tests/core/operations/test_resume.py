"""Runs that go on after a failure or a cancellation, on real workers; runs are counted beside Celery."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from celery import Celery, chain, chord, group
from click.testing import CliRunner

from earthgazer_core import recorder
from earthgazer_core.cli.main import cli
from earthgazer_core.errors import NotFoundError, RefusedError, ServiceUnavailableError
from earthgazer_core.operations.cancel import cancel_run
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.resume import Resumer
from earthgazer_core.operations.runs import show_run
from tests.core.recorder.fleet import ForeignFleet, eventually, recorder_of

pytestmark = pytest.mark.fleet


def state_of(fleet: ForeignFleet, run_id: str) -> str:
    with fleet.database.session() as session:
        try:
            return show_run(session, run_id).row.state
        except NotFoundError:
            return "not recorded yet"


def until_run(fleet: ForeignFleet, run_id: str, state: str) -> None:
    eventually(lambda: state_of(fleet, run_id) == state, f"{state} of run {run_id}")


def until_resumable(fleet: ForeignFleet, resumer: Resumer, run_id: str) -> None:
    try:
        eventually(lambda: not resumer.plan(run_id).refusal, f"resumable {run_id}")
    except AssertionError:
        states = {item.task_id: fleet.states(item.task_id) for item in resumer.plan(run_id).items}
        raise AssertionError(f"{resumer.plan(run_id)}\n{states}\n{fleet.log}") from None


def until_running(fleet: ForeignFleet, name: str) -> None:
    rows = "select 1 from earthgazer.task_executions where name = :name and state = 'PROGRESS'"
    eventually(lambda: fleet.rows(rows, name=name), f"{name} that runs")


def modes(resumer: Resumer, run_id: str) -> Counter[str]:
    return Counter(item.mode for item in resumer.plan(run_id).items)


def test_a_failed_run_goes_on_where_it_failed(fleet: ForeignFleet, resumer: Resumer) -> None:
    """Two members of one chord's header, and a step of a chain beside it."""
    fleet.start_worker()
    tasks = fleet.app.tasks
    with recorder.run_scope("wide") as run_id:
        needs = tasks["steps.needs"]
        body: Any = chord(
            [
                needs.s(1, flag="a"),
                tasks["steps.add"].s(2),
                chain(needs.s(3, flag="a"), tasks["steps.add"].s(4)),
            ]
        )(tasks["steps.total"].s() | tasks["steps.add"].s(100))
        last: Any = chain(tasks["steps.look"].s(7), needs.s(flag="a"), tasks["steps.add"].s(1)).apply_async()
    until_run(fleet, run_id, "failed")
    eventually(lambda: modes(resumer, run_id)["in place"] == 3, f"three: {resumer.plan(run_id)}")
    plan = resumer.plan(run_id)
    assert (plan.refusal, plan.is_cancelled, plan.kept) == ("", False, 2)
    assert {item.queue for item in plan.sent} == {"steps"}
    assert modes(resumer, run_id)["follows"] == 4
    fleet.raise_flag("a")
    done = resumer.resume(run_id)
    assert (len(done.sent), done.refused, done.goes_on_as) == (3, (), run_id)
    assert fleet.until(body.id, "SUCCESS")["result"] == 110
    assert fleet.until(last.id, "SUCCESS")["result"] == 8
    until_run(fleet, run_id, "succeeded")
    assert fleet.journal() == Counter(
        {
            "needs 1": 2, "needs 3": 2, "needs 7": 2, "add 2 0": 1, "add 3 4": 1, "total 10": 1,
            "add 10 100": 1, "look 7": 1, "add 7 1": 1,
        }
    )  # fmt: skip
    with pytest.raises(RefusedError, match="nothing of it is left"):
        resumer.resume(run_id)


def test_a_cancelled_chain_goes_on_as_a_new_run(
    fleet: ForeignFleet, resumer: Resumer, mailbox: Mailbox
) -> None:
    fleet.start_worker()
    tasks = fleet.app.tasks
    with recorder.run_scope("long", {"n": 3}) as run_id:
        last: Any = chain(
            tasks["steps.look"].si(7),
            tasks["steps.wait"].si("go"),
            tasks["steps.add"].si(1),
            tasks["steps.add"].s(2),
        ).apply_async()
    waiting = last.parent.parent.id
    fleet.until(waiting, "PROGRESS")
    cancel_run(fleet.database, mailbox, run_id, expected=["one@test"])
    assert "still running" in resumer.plan(run_id).refusal
    with pytest.raises(RefusedError, match="still running"):
        resumer.resume(run_id)
    fleet.raise_flag("go")
    fleet.until(last.parent.id, "REVOKED")
    until_resumable(fleet, resumer, run_id)
    plan = resumer.plan(run_id)
    assert [(item.mode, item.name) for item in plan.items] == [
        ("anew", "steps.add"),
        ("follows", "steps.add"),
    ]
    assert plan.kept == 2
    done = resumer.resume(run_id)
    assert done.goes_on_as != run_id
    [sent] = done.sent
    assert (sent.task_id, sent.mode, sent.queue) == (last.parent.id, "anew", "steps")
    until_run(fleet, done.goes_on_as, "succeeded")
    assert fleet.journal() == Counter({"look 7": 1, "wait go": 1, "add 1 0": 1, "add 1 2": 1})
    with fleet.database.session() as session:
        new, old = show_run(session, done.goes_on_as), show_run(session, run_id)
    assert (new.row.name, new.row.total, new.row.done) == ("long", 4, 4)
    assert [step.name for step in new.steps] == ["steps.look", "steps.wait", "steps.add", "steps.add"]
    assert old.row.state == "cancelled"
    with pytest.raises(RefusedError, match=f"resumed already, as run {done.goes_on_as}"):
        resumer.resume(run_id)
    runs = fleet.rows("select * from earthgazer.workflow_runs where run_id = :id", id=done.goes_on_as)
    assert runs[0]["parameters"] == {"n": 3, "resumes": run_id}


@pytest.mark.parametrize("keys_are_lost", [False, True])
def test_a_cancelled_chord_keeps_what_its_header_gave(
    fleet: ForeignFleet, resumer: Resumer, mailbox: Mailbox, keys_are_lost: bool
) -> None:
    """The body runs once, with all results in order; members that succeeded don't run again."""
    fleet.start_worker(concurrency=1)
    tasks = fleet.app.tasks
    with recorder.run_scope("joined") as run_id:
        member = chain(tasks["steps.add"].s(3), tasks["steps.add"].s(40))
        chord([tasks["steps.add"].s(1), tasks["steps.wait"].s("go"), member, tasks["steps.add"].s(2)])(
            tasks["steps.spawn"].si(0) | tasks["steps.look"].si(9)
        )
    until_running(fleet, "steps.wait")
    cancel_run(fleet.database, mailbox, run_id, expected=["one@test"])
    fleet.raise_flag("go")
    until_resumable(fleet, resumer, run_id)
    assert fleet.journal() == Counter({"add 1 0": 1, "wait go": 1})
    if keys_are_lost:
        fleet.app.backend.client.flushdb()  # type: ignore[attr-defined]
    plan = resumer.plan(run_id)
    assert Counter(item.mode for item in plan.items) == {"anew": 2, "follows": 3}
    done = resumer.resume(run_id)
    until_run(fleet, done.goes_on_as, "succeeded")
    assert fleet.journal() == Counter(
        {"add 1 0": 1, "wait go": 1, "add 3 0": 1, "add 3 40": 1, "add 2 0": 1, "spawn 0": 1, "look 9": 1}
    )


def test_results_of_a_resumed_header_keep_their_order(
    fleet: ForeignFleet, resumer: Resumer, mailbox: Mailbox
) -> None:
    """A failed member and revoked ones; the body adds up what the old and the new members gave."""
    fleet.start_worker(concurrency=1)
    tasks = fleet.app.tasks
    with recorder.run_scope("sum") as run_id:
        chord(
            [
                tasks["steps.add"].s(1),
                tasks["steps.needs"].s(20, flag="a"),
                chain(tasks["steps.wait"].s("go"), tasks["steps.add"].si(300)),
                tasks["steps.add"].s(4000),
            ]
        )(tasks["steps.total"].s())
    until_running(fleet, "steps.wait")
    cancel_run(fleet.database, mailbox, run_id, expected=["one@test"])
    fleet.raise_flag("go")
    fleet.raise_flag("a")
    until_resumable(fleet, resumer, run_id)
    done = resumer.resume(run_id)
    until_run(fleet, done.goes_on_as, "succeeded")
    [total] = fleet.rows(
        "select * from earthgazer.task_executions where name = 'steps.total' and state = 'SUCCESS'"
    )
    assert (total["result"], total["run_id"]) == (4321, done.goes_on_as)
    assert fleet.runs_of("total") == 1
    assert (fleet.journal()["add 1 0"], fleet.journal()["needs 20"], fleet.runs_of("wait")) == (1, 2, 1)


def test_a_resumed_run_can_be_cancelled_and_resumed_again(
    fleet: ForeignFleet, resumer: Resumer, mailbox: Mailbox
) -> None:
    """A group that a step put in its place, and a body that was discarded."""
    fleet.start_worker(concurrency=1)
    tasks = fleet.app.tasks
    with recorder.run_scope("twice") as run_id:
        first: Any = chain(
            tasks["steps.wait"].si("one"), tasks["steps.fan_out"].si(2), tasks["steps.total"].s()
        )
        last = first.apply_async()
        tasks["steps.wait"].delay("two")
    fleet.until(last.parent.parent.id, "PROGRESS")
    cancel_run(fleet.database, mailbox, run_id, expected=["one@test"])
    fleet.raise_flag("one")
    until_resumable(fleet, resumer, run_id)
    # Both messages are there before the first is taken: what the group's step publishes comes behind them.
    fleet.app.control.cancel_consumer("steps", reply=True, timeout=10, limit=1)
    again = resumer.resume(run_id).goes_on_as
    fleet.app.control.add_consumer("steps", reply=True, timeout=10, limit=1)
    eventually(lambda: fleet.journal()["wait two"] == 1, "its second step")
    cancel_run(fleet.database, mailbox, again, expected=["one@test"])
    fleet.raise_flag("two")
    until_resumable(fleet, resumer, again)
    done = resumer.resume(again)
    until_run(fleet, done.goes_on_as, "succeeded")
    assert fleet.runs_of("total") == 1
    assert fleet.journal()["total 3"] == 1
    assert (fleet.journal()["wait one"], fleet.journal()["wait two"], fleet.runs_of("fan_out")) == (1, 1, 1)
    assert fleet.runs_of("add") == 2


def test_what_cannot_be_resumed_says_why(fleet: ForeignFleet, resumer: Resumer, mailbox: Mailbox) -> None:
    with pytest.raises(NotFoundError, match="no run nowhere"):
        resumer.plan("nowhere")
    tasks = fleet.app.tasks
    with recorder.run_scope("unheard") as run_id:
        waiting: Any = group(tasks["steps.add"].s(1), tasks["steps.add"].s(2)).apply_async()
    fleet.until(waiting.results[1].id, "PENDING")
    assert resumer.plan(run_id).refusal == "nothing of it failed: 2 tasks go on"
    cancel_run(fleet.database, mailbox, run_id, expected=[], timeout_s=0.2)
    # Nobody works, so nobody knows that they are to be discarded.
    assert "not discarded yet" in resumer.plan(run_id).refusal
    with pytest.raises(RefusedError, match="not discarded yet"):
        resumer.resume(run_id)
    actions = fleet.rows("select * from earthgazer.operator_actions where action = 'run.resume'")
    assert [action["outcome"] for action in actions] == ["refused"]


def test_what_could_not_be_sent_is_a_failure_of_the_new_run(
    fleet: ForeignFleet, resumer: Resumer, mailbox: Mailbox
) -> None:
    """The broker goes away between the record and the message."""
    worker = fleet.start_worker(concurrency=1)
    tasks = fleet.app.tasks
    with recorder.run_scope("unsent") as run_id:
        last: Any = chain(tasks["steps.wait"].si("go"), tasks["steps.add"].si(1)).apply_async()
    fleet.until(last.parent.id, "PROGRESS")
    cancel_run(fleet.database, mailbox, run_id, expected=["one@test"])
    fleet.raise_flag("go")
    until_resumable(fleet, resumer, run_id)
    nowhere = "redis://127.0.0.1:1/0"
    with (
        Celery("away", broker=nowhere, backend=fleet.config.broker_url, set_as_current=False) as away,
        pytest.raises(ServiceUnavailableError, match="0 of 1 sent to run"),
    ):
        Resumer(fleet.database, away, encryption_key=fleet.config.encryption_key).resume(run_id)
    [new_run] = fleet.rows("select run_id from earthgazer.workflow_runs where run_id <> :id", id=run_id)
    assert state_of(fleet, new_run["run_id"]) == "failed"
    assert modes(resumer, new_run["run_id"]) == {"in place": 1}
    resumer.resume(new_run["run_id"])
    until_run(fleet, new_run["run_id"], "succeeded")
    assert fleet.journal() == Counter({"wait go": 1, "add 1 0": 1})
    fleet.stop_worker(worker)


def test_the_command_line_resumes(fleet: ForeignFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARTHGAZER__CELERY__BROKER_URL", fleet.config.broker_url)
    monkeypatch.setenv("EARTHGAZER__DATABASE__URL", fleet.config.database_url)
    monkeypatch.setenv("EARTHGAZER__STORAGE__DATA_PATH", str(fleet.config.directory / "data"))
    monkeypatch.chdir(fleet.config.directory)

    def told(*words: str, code: int = 0) -> Any:
        answer = CliRunner().invoke(cli, ["workflows", "resume", *words, "--json"])
        assert answer.exit_code == code, answer.output
        return json.loads(answer.stdout)

    fleet.start_worker()
    with recorder.run_scope("told") as run_id:
        last: Any = chain(
            fleet.app.tasks["steps.needs"].s(1, flag="a"), fleet.app.tasks["steps.add"].s(1)
        ).apply_async()
    fleet.until(last.parent.id, "FAILURE")
    # A worker's failure is on the record at once, what this process published a moment later.
    recorder_of(fleet.app).writer.flush(5)
    plan = told(run_id, "--dry-run")
    assert [(item["mode"], item["name"]) for item in plan["items"]] == [
        ("in place", "steps.needs"),
        ("follows", "steps.add"),
    ]
    assert plan["summary"] == "1 sent, 1 follow, 0 that succeeded stay"
    fleet.raise_flag("a")
    done = told(run_id)
    assert (done["goes_on_as"], [step["mode"] for step in done["sent"]]) == (run_id, ["in place"])
    assert fleet.until(last.id, "SUCCESS")["result"] == 2
    assert "nothing of it is left" in told(run_id, code=1)["error"]
    assert "nothing of it is left" in told(run_id, "--dry-run", code=1)["refusal"]
    assert "no run nowhere" in told("nowhere", code=1)["error"]
