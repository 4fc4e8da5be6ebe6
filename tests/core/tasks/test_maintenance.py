"""What maintenance does, on a worker of ours: pauses are heeded, and lost messages come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from earthgazer_core.celery_app import EarthGazerApp, make_app
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.queues.broker import QueueBroker
from earthgazer_core.operations.queues.marks import pauses
from earthgazer_core.operations.queues.pause import pause, resume
from earthgazer_core.recorder.install import recorders
from earthgazer_core.settings import EarthGazerSettings
from tests.core.pipeline import Pipeline

pytestmark = pytest.mark.fleet

SWEEP = "earthgazer.maintenance.sweep_work_files"


@pytest.fixture
def pipeline(settings: EarthGazerSettings, tmp_path: Path) -> Iterator[Pipeline]:
    pipeline = Pipeline(settings, tmp_path / "work")
    yield pipeline
    pipeline.stop()


@pytest.fixture
def app(settings: EarthGazerSettings) -> Iterator[EarthGazerApp]:
    app = make_app(settings)
    yield app
    for recorder in recorders(app):
        recorder.close()
    app.close()


def consumed(mailbox: Mailbox) -> set[str]:
    told = mailbox.ask("active_queues", timeout_s=2.0).values
    return {queue["name"] for queues in told.values() for queue in queues}


def result_of(pipeline: Pipeline, app: EarthGazerApp, name: str, **arguments: Any) -> Any:
    """Return the result of a task, read without subscribing to it."""
    task_id = str(app.send_task(name, kwargs=arguments).id)
    meta = pipeline.eventually(
        lambda: (meta := app.backend.get_task_meta(task_id))["status"] in ("SUCCESS", "FAILURE") and meta
    )
    assert meta["status"] == "SUCCESS", meta
    return meta["result"]


def test_a_worker_that_starts_heeds_a_pause_and_goes_on_at_its_end(
    pipeline: Pipeline, app: EarthGazerApp
) -> None:
    with closing(QueueBroker(app)) as broker, closing(Mailbox(app)) as mailbox:
        pause(broker, mailbox, "cpu_queue", timeout_s=0.1)
        pipeline.start()
        assert consumed(mailbox) == {"io_queue", "default", "priority", "maintenance"}
        assert "paused, so not consumed: cpu_queue" in (pipeline.directory / "worker.log").read_text()
        [kept] = pauses(broker)
        assert [one.worker.split("@")[0] for one in kept.consumers] == ["all"]
        mailbox.ask("add_consumer", {"queue": "cpu_queue"}, timeout_s=1.0)
        assert "cpu_queue" in consumed(mailbox)
        assert result_of(pipeline, app, "earthgazer.maintenance.enforce_pauses") == ["cpu_queue"]
        assert "cpu_queue" not in consumed(mailbox)
        assert resume(broker, mailbox, "cpu_queue").waiting == ()
        assert "cpu_queue" in consumed(mailbox)
        assert result_of(pipeline, app, "earthgazer.maintenance.enforce_pauses") == []


def test_lost_messages_come_back_by_command_and_by_schedule(
    pipeline: Pipeline, app: EarthGazerApp, redis_client: redis.Redis
) -> None:
    lost = [str(app.send_task(SWEEP, queue="priority").id) for _ in range(2)]
    recorded = lambda: len(pipeline.ok("tasks", "list", "--json")) == 2  # noqa: E731
    pipeline.eventually(recorded)
    keys = [key for key in redis_client.scan_iter("priority*") if redis_client.type(key) == b"list"]
    assert redis_client.delete(*keys)
    listed = pipeline.run("reconcile", "--dry-run", "--grace", "0", "--timeout", "0.5", "--json")
    assert (listed.code, sorted(one["task_id"] for one in listed.json["lost"])) == (0, sorted(lost))
    assert listed.json["republished"] == []
    assert pipeline.ask("reconcile", "--timeout", "0.5").out == "nothing is lost\n", "a minute has not passed"
    pipeline.start()
    done = result_of(pipeline, app, "earthgazer.maintenance.reconcile", grace_s=0.0)
    assert done == {"lost": 2, "republished": 2, "note": ""}
    pipeline.eventually(lambda: len(pipeline.ok("tasks", "list", "--state", "SUCCESS", "--json")) == 3)
    assert result_of(pipeline, app, "earthgazer.maintenance.reconcile", grace_s=0.0)["lost"] == 0
