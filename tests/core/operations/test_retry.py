"""Recorded messages published again on real workers; runs are counted beside Celery."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from celery import chain, chord, group
from sqlalchemy import text

from earthgazer_core import recorder
from earthgazer_core.errors import NotFoundError, RefusedError
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.operations.retry_offer import Retried
from earthgazer_core.operations.revoke import revoke
from tests.core.recorder.fleet import ForeignFleet, eventually

pytestmark = pytest.mark.fleet


@pytest.fixture
def retrier(fleet: ForeignFleet) -> Retrier:
    return Retrier(fleet.database, fleet.app, encryption_key=fleet.config.encryption_key)


def by_name(fleet: ForeignFleet, name: str) -> list[dict[str, Any]]:
    return fleet.rows(
        "select * from earthgazer.task_executions where name = :name order by group_index", name=name
    )


def test_the_rest_of_a_chain_runs_after_its_failed_step(fleet: ForeignFleet, retrier: Retrier) -> None:
    fleet.start_worker()
    tasks = fleet.app.tasks
    needs = tasks["steps.needs"].s(flag="a").set(priority=6)
    last: Any = chain(tasks["steps.add"].s(1), needs, tasks["steps.add"].s(10)).apply_async()
    failed = fleet.until(last.parent.id, "FAILURE")
    offer = retrier.offer(failed["task_id"])
    assert (offer.mode, offer.reason, offer.queue) == ("in place", "chain goes on: 1 step", "steps")
    fleet.raise_flag("a")
    done = retrier.retry(failed["task_id"])
    assert (done.mode, done.attempt, done.new_id) == ("in place", 2, None)
    assert fleet.until(last.id, "SUCCESS")["result"] == 11
    row = fleet.until(failed["task_id"], "SUCCESS")
    assert (row["attempt"], row["starts"], row["priority"], row["error_type"]) == (2, 2, 6, None)
    assert fleet.journal()["needs 1"] == 2
    # The failure stays in the timeline.
    [change] = fleet.rows(
        "select detail from earthgazer.task_state_changes where task_id = :id and state = 'FAILURE'",
        id=row["task_id"],
    )
    assert change["detail"]["error_type"] == "LookupError"
    with pytest.raises(RefusedError, match="it is SUCCESS"):
        retrier.retry(failed["task_id"])


@pytest.mark.parametrize("failures", [1, 2])
def test_a_chords_body_runs_once_after_its_failed_header(
    fleet: ForeignFleet, retrier: Retrier, failures: int
) -> None:
    fleet.start_worker()
    tasks = fleet.app.tasks
    body: Any = chord(
        [tasks["steps.add"].s(1), tasks["steps.needs"].s(2, flag="a"), tasks["steps.add"].s(3)]
    )(tasks["steps.total"].s())
    fleet.until(body.id, "FAILURE")
    [header] = by_name(fleet, "steps.needs")
    assert retrier.offer(body.id).reason.startswith("it never ran: it is blocked by " + header["task_id"])
    for number in range(1, failures):
        # A sibling may just be concluding the chord that failed.
        eventually(lambda: retrier.offer(header["task_id"]).mode == "in place", "offer")
        retrier.retry(header["task_id"])
        eventually(lambda n=number: fleet.runs_of("needs") == n + 1, "another failure")  # type: ignore[misc]
        eventually(lambda n=number: fleet.states(header["task_id"]).count("FAILURE") == n + 1, "recorded")  # type: ignore[misc]
    fleet.raise_flag("a")
    eventually(lambda: retrier.offer(header["task_id"]).mode == "in place", "offer")
    retrier.retry(header["task_id"])
    row = fleet.until(body.id, "SUCCESS")
    assert (row["result"], row["blocked_by"]) == (6, None)
    assert fleet.runs_of("total") == 1
    assert fleet.runs_of("add") == 2
    assert body.get(timeout=5) == 6


def test_two_failed_headers_one_after_the_other(fleet: ForeignFleet, retrier: Retrier) -> None:
    fleet.start_worker()
    needs = fleet.app.tasks["steps.needs"]
    body: Any = chord([needs.s(1, flag="a"), needs.s(2, flag="a")])(fleet.app.tasks["steps.total"].s())
    first, second = eventually(
        lambda: (
            (rows := by_name(fleet, "steps.needs"))
            and [row["state"] for row in rows] == ["FAILURE", "FAILURE"]
            and rows
        ),
        "two",
    )
    fleet.raise_flag("a")
    eventually(lambda: retrier.offer(first["task_id"]).mode == "in place", "offer")
    retrier.retry(first["task_id"])
    fleet.until(first["task_id"], "SUCCESS")
    assert fleet.runs_of("total") == 0
    eventually(lambda: retrier.offer(second["task_id"]).mode == "in place", "offer")
    retrier.retry(second["task_id"])
    assert fleet.until(body.id, "SUCCESS")["result"] == 3
    assert fleet.runs_of("total") == 1


def test_a_header_retried_while_a_sibling_runs(fleet: ForeignFleet, retrier: Retrier) -> None:
    fleet.start_worker()
    tasks = fleet.app.tasks
    body: Any = chord(
        [tasks["steps.needs"].s(1, flag="a"), tasks["steps.look"].s(2) | tasks["steps.wait"].si("go")]
    )(tasks["steps.spawn"].si(0))
    [header] = eventually(
        lambda: [r for r in by_name(fleet, "steps.needs") if r["state"] == "FAILURE"], "failure"
    )
    fleet.raise_flag("a")
    retrier.retry(header["task_id"])
    fleet.until(header["task_id"], "SUCCESS")
    assert fleet.runs_of("spawn") == 0
    fleet.raise_flag("go")
    fleet.until(body.id, "SUCCESS")
    assert fleet.runs_of("spawn") == 1


def test_a_chain_inside_a_header_fills_its_place(fleet: ForeignFleet, retrier: Retrier) -> None:
    """The place in the chord belongs to the chain's last link; its first one fails."""
    fleet.start_worker()
    tasks = fleet.app.tasks
    body: Any = chord(
        [chain(tasks["steps.needs"].s(1, flag="a"), tasks["steps.add"].s(5)), tasks["steps.add"].s(2)]
    )(tasks["steps.total"].s())
    [header] = eventually(
        lambda: [r for r in by_name(fleet, "steps.needs") if r["state"] == "FAILURE"], "failure"
    )
    fleet.until(body.id, "FAILURE")
    fleet.raise_flag("a")
    eventually(lambda: retrier.offer(header["task_id"]).mode == "in place", "offer")
    assert retrier.offer(header["task_id"]).reason == "chain goes on: 1 step; its chord waits for it"
    retrier.retry(header["task_id"])
    assert fleet.until(body.id, "SUCCESS")["result"] == 8
    assert fleet.runs_of("total") == 1


def test_two_operators_publish_once(fleet: ForeignFleet, retrier: Retrier) -> None:
    fleet.start_worker()
    task = fleet.app.tasks["steps.needs"].delay(1, flag="a")
    fleet.until(task.id, "FAILURE")
    fleet.raise_flag("a")

    def press() -> str:
        try:
            return retrier.retry(task.id).mode
        except RefusedError as error:
            return str(error)

    with ThreadPoolExecutor(6) as pool:
        words = list(pool.map(lambda _: press(), range(6)))
    assert words.count("in place") == 1
    fleet.until(task.id, "SUCCESS")
    assert fleet.runs_of("needs") == 2
    outcomes = [row["outcome"] for row in fleet.rows("select outcome from earthgazer.operator_actions")]
    assert (outcomes.count("done"), outcomes.count("refused")) == (1, 5)


def test_automatic_retries_begin_anew_and_past_times_are_dropped(
    fleet: ForeignFleet, retrier: Retrier
) -> None:
    fleet.start_worker()
    task = fleet.app.tasks["steps.flaky"].apply_async((9,), expires=3600)
    assert fleet.until(task.id, "FAILURE")["retries"] == 3
    with fleet.database.session() as session:
        session.execute(
            text(
                "update earthgazer.task_messages set headers = headers || cast(:more as jsonb)"
                " where task_id = :id"
            ),
            {"id": task.id, "more": json.dumps({"expires": "2020-01-01T00:00:00+00:00"})},
        )
    retrier.retry(task.id)
    eventually(lambda: fleet.runs_of("flaky") == 8, "four more runs")


def test_a_revoked_task_comes_back_as_a_copy(fleet: ForeignFleet, retrier: Retrier, mailbox: Mailbox) -> None:
    fleet.start_worker()
    with recorder.run_scope("one") as run_id:
        last: Any = chain(
            fleet.app.tasks["steps.add"].s(1).set(countdown=60), fleet.app.tasks["steps.add"].s(1)
        ).apply_async()
    first = last.parent.id
    fleet.until(first, "RECEIVED")
    result = revoke(fleet.database, mailbox, [first], expected=["one@test"])
    assert (result.revoked, result.answers.is_ok) == ((first,), True)
    # The worker discards it when its time comes; the record is told at once of what that will be.
    with fleet.database.session() as session:
        session.execute(
            text("update earthgazer.task_executions set state = 'REVOKED' where task_id = :id"), {"id": first}
        )
        session.execute(
            text(
                "update earthgazer.task_messages set headers = headers ||"
                " jsonb_build_object('eta', '2020-01-01T00:00:00+00:00') where task_id = :id"
            ),
            {"id": first},
        )
    offer = retrier.offer(first)
    assert offer.mode == "copy"
    done = retrier.retry(first)
    assert done.new_id is not None
    copied = fleet.until(done.new_id, "SUCCESS")
    assert (copied["copy_of"], copied["run_id"], copied["result"]) == (first, run_id, 1)
    assert fleet.until(last.id, "SUCCESS")["result"] == 2


def test_edited_arguments_make_a_copy(fleet: ForeignFleet, retrier: Retrier) -> None:
    fleet.start_worker()
    task = fleet.app.tasks["steps.needs"].delay(1, flag="a")
    fleet.until(task.id, "FAILURE")
    fleet.raise_flag("b")
    done = retrier.retry(task.id, kwargs={"flag": "b"})
    assert done.new_id is not None
    assert fleet.until(done.new_id, "SUCCESS")["result"] == 1


def test_what_cannot_be_retried_says_why(fleet: ForeignFleet, retrier: Retrier) -> None:
    fleet.start_worker()
    done = fleet.app.tasks["steps.add"].delay(1)
    waiting = fleet.app.tasks["steps.wait"].delay("go")
    fleet.until(done.id, "SUCCESS")
    fleet.until(waiting.id, "PROGRESS")
    plan = retrier.plan([done.id, waiting.id, "nobody"])
    assert [item.mode for item in plan] == ["refused"] * 3
    assert [item.note.split(":")[0] for item in plan] == [
        "it is SUCCESS",
        "it is PROGRESS",
        "no task nobody was recorded",
    ]
    with pytest.raises(NotFoundError):
        retrier.retry("nobody")
    assert not any(isinstance(one, Retried) for one in retrier.retry_many([done.id, "nobody"]))
    fleet.raise_flag("go")
    fleet.until(waiting.id, "SUCCESS")


def test_a_chord_without_keys_and_without_a_record_is_refused(fleet: ForeignFleet, retrier: Retrier) -> None:
    worker = fleet.start_worker()
    tasks = fleet.app.tasks
    body: Any = chord([tasks["steps.needs"].s(1, flag="a"), tasks["steps.add"].s(1)])(
        tasks["steps.total"].s()
    )
    fleet.until(body.id, "FAILURE")
    [header] = by_name(fleet, "steps.needs")
    # What its recorder still holds back is written as it goes.
    fleet.stop_worker(worker)
    client = fleet.app.backend.client  # type: ignore[attr-defined]
    for key in client.scan_iter("celery-taskset-meta-*"):
        client.delete(key)
    with fleet.database.session() as session:
        session.execute(text("delete from earthgazer.chords"))
        session.execute(text("delete from earthgazer.workflow_steps"))
    with pytest.raises(RefusedError, match="keys have expired"):
        retrier.retry(header["task_id"])


def test_a_member_of_a_plain_group_is_just_published_again(fleet: ForeignFleet, retrier: Retrier) -> None:
    fleet.start_worker()
    needs = fleet.app.tasks["steps.needs"]
    result: Any = group(needs.s(1, flag="a"), needs.s(2, flag="a")).apply_async()
    for member in result.results:
        fleet.until(member.id, "FAILURE")
    fleet.raise_flag("a")
    for member in result.results:
        retrier.retry(member.id)
    assert [fleet.until(member.id, "SUCCESS")["result"] for member in result.results] == [1, 2]
