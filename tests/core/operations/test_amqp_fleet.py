"""Workers' answers, commands and retries over RabbitMQ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from celery import chain
from click.testing import CliRunner

from earthgazer_core.cli.main import cli
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.doctor import FleetAccess, Severity, diagnose, explain_task
from earthgazer_core.operations.queues.pause import pause
from earthgazer_core.operations.republish import publish
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.operations.revoke import revoke
from earthgazer_core.operations.workers import ping, survey
from tests.core.operations.amqp_fleet import AmqpFleet, plain_channel
from tests.core.recorder.fleet import eventually
from tests.rabbitmq import RabbitServer

pytestmark = pytest.mark.fleet


@pytest.fixture
def fleet(rabbit_fleet: AmqpFleet) -> AmqpFleet:
    return rabbit_fleet


def test_workers_answer_and_the_mailbox_leaves_nothing(fleet: AmqpFleet, rabbitmq: RabbitServer) -> None:
    fleet.start_worker()
    [report] = survey(fleet.mailbox, ["one@test"])
    assert (report.hostname, report.pool_size, report.queues) == ("one@test", 2, ("steps",))
    assert ping(fleet.mailbox, ["one@test"]).is_ok
    # The connection is cut, and the next question makes another.
    host = fleet.config.broker_url.rpartition("/")[2]
    fleet.mailbox._connection.connection.transport.close()
    assert ping(fleet.mailbox, ["one@test"]).is_ok
    later = fleet.send(1, countdown=600)
    fleet.until(later, "RECEIVED")
    result = revoke(fleet.database, fleet.mailbox, [later], expected=["one@test"])
    assert result.revoked == (later,)
    fleet.mailbox.close()

    def replies() -> list[str]:
        found = rabbitmq.call("GET", f"/api/queues/{host}?disable_stats=true")
        return [queue["name"] for queue in found if ".reply." in queue["name"]]

    eventually(lambda: replies() == [], "no reply queue")


def test_the_rest_of_a_chain_runs_after_its_failed_step(fleet: AmqpFleet) -> None:
    fleet.start_worker()
    tasks = fleet.app.tasks
    needs = tasks["steps.needs"].s(flag="a").set(priority=6)
    last: Any = chain(tasks["steps.add"].s(1), needs, tasks["steps.add"].s(10)).apply_async()
    failed = fleet.until(last.parent.id, "FAILURE")
    fleet.raise_flag("a")
    retrier = Retrier(fleet.database, fleet.app)
    done = retrier.retry(failed["task_id"])
    assert (done.mode, done.attempt) == ("in place", 2)
    assert fleet.until(last.id, "SUCCESS")["result"] == 11
    row = fleet.until(failed["task_id"], "SUCCESS")
    assert (row["attempt"], row["starts"], row["priority"]) == (2, 2, 6)


def test_what_no_queue_takes_is_refused_rather_than_dropped(fleet: AmqpFleet) -> None:
    content = ("application/json", "utf-8", b"[[], {}, {}]")
    with pytest.raises(RefusedError, match="nothing was published"):
        publish(fleet.app, {"id": "1"}, {"exchange": "", "routing_key": "nowhere"}, content, "nowhere")
    with pytest.raises(RefusedError, match="nothing was published"):
        publish(fleet.app, {"id": "1"}, {"exchange": "no-such", "routing_key": "x"}, content, None)
    with plain_channel(fleet.config.broker_url) as channel:
        channel.queue_declare("there")
        publish(fleet.app, {"id": "1"}, {"routing_key": "there", "priority": 3}, content, "there")
        message = channel.basic_get("there", no_ack=True)
    assert (message.headers["id"], message.properties["priority"]) == ("1", 3)


@pytest.fixture
def _environment(fleet: AmqpFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARTHGAZER__CELERY__BROKER_URL", fleet.config.broker_url)
    monkeypatch.setenv("EARTHGAZER__CELERY__RESULT_BACKEND", fleet.config.result_url)
    monkeypatch.setenv("EARTHGAZER__DATABASE__URL", fleet.config.database_url)
    monkeypatch.setenv("EARTHGAZER__STORAGE__DATA_PATH", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def document(*words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(cli, [*words, "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures("_environment")
def test_the_command_line_has_the_same_levers(fleet: AmqpFleet) -> None:
    ids = [fleet.send(number, priority=number) for number in range(4)]
    with plain_channel(fleet.config.broker_url) as channel:
        channel.queue_declare("other", durable=True, auto_delete=False, arguments={"x-max-priority": 10})
    assert [one["task_id"] for one in document("queues", "peek", "steps")] == ids[::-1]
    assert document("queues", "delete", "steps", ids[0])["task_id"] == ids[0]
    assert document("queues", "move", "steps", ids[1], "--priority", "9")["moved"] == 1
    assert fleet.waiting() == [ids[1], ids[3], ids[2]]
    assert document("queues", "move", "steps", ids[3], "--to", "other")["moved"] == 1
    assert (
        "no queue nowhere" in document("queues", "move", "steps", "--all", "--to", "nowhere", code=1)["error"]
    )
    assert "doesn't show" in document("queues", "held", "steps", code=1)["error"]
    fleet.start_worker(concurrency=1, options=("-Q", "elsewhere"))
    fleet.mailbox.ask("add_consumer", {"queue": "other"}, destination=["one@test"])
    eventually(lambda: fleet.steps_run(), "the moved step")
    found = {one["name"]: one for one in document("queues")}
    assert (found["elsewhere"]["consumers"], found["other"]["unacked"]) == (1, None)
    shown = CliRunner().invoke(cli, ["queues"])
    assert "MANAGEMENT_URL" in shown.stderr
    assert document("queues", "pause", "other")["stopped"] == ["one@test"]
    assert [one["queue"] for one in document("queues", "paused")] == ["other"]
    assert document("queues", "resume", "other")["consuming"] == ["one@test"]
    assert document("queues", "purge", "steps", "--yes")["purged"] == 2
    assert document("workers", "shutdown", "one@test", "--wait", "10")["ok"]


def test_doctor_sees_queues_and_finds_a_waiting_task(fleet: AmqpFleet) -> None:
    ids = [fleet.send(1), fleet.send(2)]
    fleet.start_worker(concurrency=1, options=("-Q", "elsewhere"))
    access = FleetAccess(app=fleet.app, mailbox=fleet.mailbox, broker=fleet.broker)
    [finding] = [one for one in diagnose(access) if one.subject == "queue steps"]
    assert (finding.severity, "2 messages" in finding.evidence) == (Severity.CRITICAL, True)
    reasons = [one.evidence for one in explain_task(ids[1], access)]
    assert any("queue steps" in one or "steps" in one for one in reasons), reasons
    # Looking took nothing and changed no order.
    assert fleet.waiting() == ids
    assert pause(fleet.broker, fleet.mailbox, "elsewhere", expected=["one@test"]).stopped == ("one@test",)
    assert any("paused by" in one.evidence for one in diagnose(access))
