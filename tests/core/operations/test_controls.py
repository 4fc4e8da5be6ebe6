"""Commands to real workers: done, or refused with the reason."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from earthgazer_core.db.session import Database
from earthgazer_core.errors import InvalidInputError, NotFoundError, RefusedError
from earthgazer_core.operations.controls.consumers import add_consumer, cancel_consumer
from earthgazer_core.operations.controls.control import WorkerControl
from earthgazer_core.operations.controls.events import switch_events
from earthgazer_core.operations.controls.facts import conf, registered, revoked
from earthgazer_core.operations.controls.limits import rate_limit, time_limit
from earthgazer_core.operations.controls.pool import autoscale, restart_pool
from earthgazer_core.operations.controls.resize import resize
from earthgazer_core.operations.controls.shutdown import Leaving, shut_down
from earthgazer_core.operations.workers import WorkerReport, survey
from tests.core.operations.tuned_fleet import TunedFleet, tuned_fleet
from tests.core.recorder.fleet import eventually
from tests.core.recorder.foreign_app import ForeignConfig

pytestmark = pytest.mark.fleet

ONE = "one@test"


@pytest.fixture
def fleet(
    broker_url: str, migrated_database_url: str, database: Database, tmp_path: Path
) -> Iterator[TunedFleet]:
    with tuned_fleet(ForeignConfig(broker_url, migrated_database_url, tmp_path), database) as fleet:
        yield fleet


@pytest.fixture
def control(fleet: TunedFleet) -> Iterator[WorkerControl]:
    with WorkerControl(fleet.app, fleet.mailbox, database=fleet.database, timeout_s=5) as control:
        yield control


def report(fleet: TunedFleet, name: str = ONE) -> WorkerReport:
    [found] = survey(fleet.mailbox, [name], destination=[name], timeout_s=5)
    return found


def test_a_range_is_changed_where_there_is_one(fleet: TunedFleet, control: WorkerControl) -> None:
    fleet.start_worker(options=("--autoscale", "3,1"))
    fleet.start_worker(name="two")
    result = autoscale(control, ONE, most=5, least=2)
    assert (result.is_ok, result.is_volatile) == (True, True)
    assert "until they restart" in result.summary
    assert report(fleet).autoscale == (2, 5)
    mixed = autoscale(control, [ONE, "two@test"], most=4)
    assert [answer.worker for answer in mixed.answers] == [ONE]
    assert dict(mixed.refused).keys() == {"two@test"}
    assert not mixed.is_ok
    with pytest.raises(RefusedError, match=r"two@test: its prefork pool .* --autoscale"):
        autoscale(control, "two@test", most=5)
    with pytest.raises(InvalidInputError, match="expected 0 ≤ least ≤ most"):
        autoscale(control, ONE, most=2, least=3)
    assert fleet.actions() == [
        ("worker.autoscale", "done"), ("worker.autoscale", "done"), ("worker.autoscale", "refused"),
    ]  # fmt: skip


def test_patterns_mean_known_workers_and_a_dead_one_delays_nobody(fleet: TunedFleet) -> None:
    for name in ("cpu", "io"):
        fleet.start_worker(name=name, concurrency=1)
    known = ("cpu@test", "cpu@dead", "io@test")
    heard: list[tuple[str, float]] = []
    start = time.monotonic()

    with WorkerControl(fleet.app, fleet.mailbox, known, timeout_s=2) as control:
        result = rate_limit(
            control, "cpu@*", "steps.add", "10/m",
            on_answer=lambda answer: heard.append((answer.worker, time.monotonic() - start)),
        )  # fmt: skip
        assert control.targets(["io@*", "cpu@test"]) == ("io@test", "cpu@test")
        with pytest.raises(NotFoundError, match="no worker matches gpu@"):
            control.targets("gpu@*")
        with pytest.raises(RefusedError, match="nobody@test: no answer"):
            switch_events(control, "nobody@test", on=True)
    assert (result.silent, result.is_ok) == (("cpu@dead",), False)
    [(worker, after_s)] = heard
    assert (worker, after_s < 1.5) == ("cpu@test", True)
    with WorkerControl(fleet.app, fleet.mailbox, timeout_s=1) as control:
        told = registered(control, "*@test").by_worker
    limits = {
        worker: dict(next(task.attributes for task in tasks if task.name == "steps.add")).get("rate_limit")
        for worker, tasks in told.items()
    }
    assert limits == {"cpu@test": "10/m", "io@test": None}


def test_consumers_come_and_go(fleet: TunedFleet, control: WorkerControl) -> None:
    fleet.start_worker(concurrency=1)
    assert add_consumer(control, ONE, "other", routing_key="other").is_volatile
    eventually(lambda: report(fleet).queues == ("other", "steps"), "the queue")
    fleet.send(5, queue="other")
    eventually(lambda: fleet.steps_run() == ["add 5 0"], "the step")
    assert cancel_consumer(control, ONE, "other").is_ok
    eventually(lambda: report(fleet).queues == ("steps",), "the queue to go")
    with pytest.raises(InvalidInputError, match="without a name"):
        add_consumer(control, ONE, " ")


def test_a_rate_is_kept_and_a_wrong_one_is_not_sent(fleet: TunedFleet, control: WorkerControl) -> None:
    fleet.start_worker(concurrency=2)
    result = rate_limit(control, ONE, "steps.add", "1/h")
    assert result.is_ok
    assert "old pace" in result.summary
    for number in range(2):
        fleet.send(number)
    last = fleet.app.tasks["steps.total"].delay([1]).id
    fleet.until(str(last), "SUCCESS")
    assert sorted(fleet.steps_run()) == ["add 0 0", "total 1"]
    assert rate_limit(control, ONE, "steps.add", "0").is_ok
    fleet.send(2)
    eventually(lambda: "add 2 0" in fleet.steps_run(), "the step")
    # The remark says so: a timer of the old rate has it.
    assert "add 1 0" not in fleet.steps_run()
    unknown = rate_limit(control, ONE, "steps.nobody", "1/m")
    assert [(answer.is_ok, answer.text) for answer in unknown.answers] == [(False, "unknown task")]
    with pytest.raises(InvalidInputError, match="often"):
        rate_limit(control, ONE, "steps.add", "often")


def test_rates_that_are_not_kept_are_refused(fleet: TunedFleet, control: WorkerControl) -> None:
    fleet.configure(worker_disable_rate_limits=True)
    fleet.start_worker(concurrency=1)
    with pytest.raises(RefusedError, match="worker_disable_rate_limits is on"):
        rate_limit(control, ONE, "steps.add", "1/m")


def test_a_time_limit_ends_a_task(fleet: TunedFleet, control: WorkerControl) -> None:
    fleet.start_worker(name="two", concurrency=1)
    with pytest.raises(RefusedError, match="keep the old limits"):
        time_limit(control, "two@test", "steps.wait", soft_s=0.2)
    fleet.configure(worker_pool_restarts=True)
    fleet.kill_worker(fleet._workers[0])
    fleet.start_worker(concurrency=1)
    result = time_limit(control, ONE, "steps.wait", soft_s=0.2, hard_s=30)
    assert (result.is_ok, len(result.answers)) == (True, 1)
    failed = fleet.until(str(fleet.app.tasks["steps.wait"].delay("never").id), "FAILURE")
    assert failed["error_type"] == "SoftTimeLimitExceeded"
    with pytest.raises(InvalidInputError, match="less than the hard one"):
        time_limit(control, ONE, "steps.wait", soft_s=30, hard_s=20)


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_a_pool_that_cannot_says_why(fleet: TunedFleet, control: WorkerControl, pool: str) -> None:
    fleet.configure(worker_pool_restarts=True)
    fleet.start_worker(pool=pool, concurrency=1)
    with pytest.raises(RefusedError, match=f"a {pool} pool keeps no time limits"):
        time_limit(control, ONE, "steps.wait", hard_s=5)
    with pytest.raises(RefusedError, match=f"a {pool} pool has no processes to restart"):
        restart_pool(control, ONE)
    with pytest.raises(RefusedError, match=f"its {pool} pool does not scale itself"):
        autoscale(control, ONE, most=2)


def test_a_pool_is_restarted_where_that_is_on(fleet: TunedFleet, control: WorkerControl) -> None:
    fleet.start_worker(name="two", concurrency=1)
    with pytest.raises(RefusedError, match="worker_pool_restarts is off"):
        restart_pool(control, "two@test")
    fleet.configure(worker_pool_restarts=True)
    fleet.start_worker(concurrency=2)
    before = report(fleet).processes
    result = restart_pool(control, ONE)
    assert (result.is_ok, result.is_volatile) == (True, False)
    assert "next task" in result.summary
    tasks = [str(fleet.app.tasks["steps.wait"].delay("go").id) for _ in range(2)]
    for task in tasks:
        fleet.until(task, "PROGRESS")
    fleet.raise_flag("go")
    eventually(lambda: set(report(fleet).processes).isdisjoint(before), "new processes")
    for task in tasks:
        fleet.until(task, "SUCCESS")


def test_events_go_on_and_off(fleet: TunedFleet, control: WorkerControl) -> None:
    fleet.start_worker(concurrency=1)
    told = []
    control.on_done = lambda done: told.append((done, fleet.actions()))
    enabled = switch_events(control, ONE, on=True)
    assert enabled.answers[0].text == "task events enabled"
    assert told == [(enabled, [])]
    assert fleet.actions() == [("worker.enable_events", "done")]
    control.on_done = None
    assert switch_events(control, ONE, on=False).answers[0].text == "task events disabled"
    assert switch_events(control, ONE, on=False).answers[0].text == "task events already disabled"


def test_workers_tell_of_themselves_without_secrets(fleet: TunedFleet, control: WorkerControl) -> None:
    fleet.configure(
        broker_transport_options={"sentinel_kwargs": {"password": "hunter22"}, "visibility_timeout": 77},
        site_url="https://ann:hunter22@example.org/x",
    )
    fleet.start_worker(concurrency=1)
    told = conf(control, ONE)
    settings = dict(told.by_worker[ONE])
    assert settings["task_default_queue"] == "steps"
    assert settings["broker_transport_options"]["visibility_timeout"] == 77
    assert "hunter22" not in str(settings)
    password = fleet.config.broker_url.split("@")[0].rpartition(":")[2]
    assert password
    assert password not in str(settings)
    assert len(dict(conf(control, ONE, with_defaults=True).by_worker[ONE])) > len(settings)
    names = [task.name for task in registered(control, ONE).by_worker[ONE]]
    assert "steps.flaky" in names
    fleet.mailbox.ask("revoke", {"task_id": ["gone-1"]}, destination=[ONE], timeout_s=5)
    assert revoked(control, ONE).by_worker == {ONE: ("gone-1",)}
    assert conf(control, "nobody@test").silent == ("nobody@test",)


def until_told(seen: list[Leaving], probe: Callable[[Leaving], bool]) -> None:
    eventually(lambda: any(probe(one) for one in seen), f"progress, {seen}")


@pytest.mark.parametrize("acks_late", [True, False])
def test_a_worker_leaves_when_what_it_runs_has_ended(
    fleet: TunedFleet, control: WorkerControl, acks_late: bool
) -> None:
    fleet.configure(task_acks_late=acks_late)
    control.database = None
    process = fleet.start_worker(concurrency=1)
    task = str(fleet.app.tasks["steps.wait"].delay("go").id)
    fleet.until(task, "PROGRESS")
    seen: list[Leaving] = []
    results = []
    thread = threading.Thread(
        target=lambda: results.append(
            shut_down(control, ONE, broker=fleet.broker, wait_s=60, on_progress=seen.append)
        )
    )
    thread.start()
    # It listens no more, and its task is seen to run on.
    until_told(seen, lambda one: not one.is_listening and bool(one.running))
    assert process.poll() is None
    assert [active.task_id for active in seen[-1].running] == [task]
    fleet.raise_flag("go")
    thread.join(60)
    [result] = results
    [left] = result.workers
    assert (result.is_ok, left.has_left, left.running) == (True, True, ())
    assert [active.task_id for active in left.ran] == [task]
    assert process.wait(15) == 0


def test_a_shutdown_that_is_not_waited_for_is_told_and_noted(
    fleet: TunedFleet, control: WorkerControl
) -> None:
    process = fleet.start_worker(concurrency=1)
    result = shut_down(control, ONE, wait_s=0)
    assert not result.is_ok
    assert result.workers[0].is_listening
    assert process.wait(15) == 0
    control.timeout_s = 0.3
    with pytest.raises(RefusedError, match="did not answer"):
        shut_down(control, ONE)
    assert fleet.actions() == [("worker.shutdown", "done"), ("worker.shutdown", "refused")]


def test_two_workers_of_one_name_are_told_once(
    fleet: TunedFleet, control: WorkerControl, redis_client: redis.Redis
) -> None:
    """Both answer each question, and both hear what either is told."""
    pids = [fleet.start_worker(concurrency=1).pid for _ in range(2)]
    client: Any = redis_client
    with client.pubsub(ignore_subscribe_messages=True) as heard:
        heard.psubscribe("*pidbox*")
        eventually(client.pubsub_numpat)
        assert resize(control, ONE, 1).is_ok
        told = 0
        while (message := heard.get_message(timeout=0.5)) is not None or not told:
            told += message is not None and b"pool_grow" in b64decode(json.loads(message["data"])["body"])
    assert told == 1
    eventually(lambda: [len(psutil.Process(pid).children()) for pid in pids] == [2, 2], "one more in each")
