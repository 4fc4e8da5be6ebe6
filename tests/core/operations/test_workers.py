"""Questions and commands to real workers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis

from earthgazer_core.errors import RefusedError
from earthgazer_core.operations import workers
from earthgazer_core.operations.controls.control import WorkerControl
from earthgazer_core.operations.controls.counted_resize import resize_counted
from earthgazer_core.operations.mailbox import Mailbox
from tests.core.recorder.fleet import ForeignFleet, eventually

pytestmark = pytest.mark.fleet


@pytest.fixture
def control(fleet: ForeignFleet, mailbox: Mailbox) -> Iterator[WorkerControl]:
    with WorkerControl(fleet.app, mailbox) as control:
        yield control


def test_an_answer_is_not_waited_for_twice(
    fleet: ForeignFleet, mailbox: Mailbox, redis_client: redis.Redis
) -> None:
    fleet.start_worker()
    heard: list[str] = []
    first = mailbox.ask(
        "ping", expected=["one@test"], timeout_s=5, on_answer=lambda a: heard.append(a.worker)
    )
    assert (first.is_ok, first.values, heard) == (True, {"one@test": {"ok": "pong"}}, ["one@test"])
    start = time.monotonic()
    for _ in range(20):
        assert mailbox.ask("ping", expected=["one@test"], timeout_s=5).is_ok
    assert time.monotonic() - start < 5
    missing = mailbox.ask("ping", expected=["one@test", "two@test"], timeout_s=0.3)
    assert (missing.is_ok, missing.silent) == (False, ("two@test",))
    mailbox.close()
    assert list(redis_client.scan_iter("*.reply.celery.pidbox*")) == []


def test_a_survey_tells_all_of_a_worker(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    fleet.start_worker(concurrency=2)
    task = fleet.app.tasks["steps.wait"].delay("go")
    fleet.until(task.id, "PROGRESS")
    [report] = workers.survey(mailbox, ["one@test"], timeout_s=5)
    assert (report.hostname, report.pool, report.pool_size, len(report.processes)) == (
        "one@test",
        "prefork",
        2,
        2,
    )
    assert report.queues == ("steps",)
    assert [active.task_id for active in report.active] == [task.id]
    assert report.active[0].pid in report.processes
    assert report.resize_refusal == ""
    assert (report.memory_bytes or 0) > 1_000_000
    fleet.raise_flag("go")
    fleet.until(task.id, "SUCCESS")


def test_a_pool_is_resized_and_counted(fleet: ForeignFleet, control: WorkerControl) -> None:
    fleet.start_worker(concurrency=1)
    grown = resize_counted(control, "one@test", 2)
    assert (grown.size_before, grown.size_after, grown.summary) == (1, 3, "one@test: 1 → 3 processes")
    shrunk = resize_counted(control, "one@test", -1)
    assert (shrunk.size_before, shrunk.size_after) == (3, 2)
    with pytest.raises(RefusedError, match="never run them"):
        resize_counted(control, "one@test", -2)


@pytest.mark.parametrize(
    ("pool", "reason"), [("solo", "own process"), ("threads", "can't resize a threads pool")]
)
def test_a_pool_that_cannot_be_resized_says_why(
    fleet: ForeignFleet, mailbox: Mailbox, control: WorkerControl, pool: str, reason: str
) -> None:
    fleet.start_worker(pool=pool)
    with pytest.raises(RefusedError, match=reason):
        resize_counted(control, "one@test", 1)
    [report] = workers.survey(mailbox, ["one@test"], timeout_s=5)
    assert reason in report.resize_refusal


def test_an_autoscaled_pool_refers_to_its_range(
    fleet: ForeignFleet, mailbox: Mailbox, control: WorkerControl
) -> None:
    fleet.start_worker(options=("--autoscale", "3,1"))
    with pytest.raises(RefusedError, match="scales itself"):
        resize_counted(control, "one@test", 1)
    [report] = workers.survey(mailbox, ["one@test"], timeout_s=5)
    assert report.autoscale == (1, 3)


def test_nobody_there_is_said(mailbox: Mailbox, control: WorkerControl) -> None:
    with pytest.raises(RefusedError, match="ghost@test: no answer"):
        resize_counted(control, "ghost@test", 1)
    assert workers.survey(mailbox, timeout_s=0.2) == ()


def test_events_are_switched_on(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    fleet.start_worker()
    assert workers.enable_events(mailbox, ["one@test"]).is_ok
    eventually(lambda: "task events" in fleet.log.lower(), "log")
