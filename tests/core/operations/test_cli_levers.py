"""The levers on queues and workers, as scripts pull them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from earthgazer_core.cli.main import cli
from earthgazer_core.db.session import Database
from tests.core.operations.tuned_fleet import TunedFleet, tuned_fleet
from tests.core.recorder.fleet import eventually
from tests.core.recorder.foreign_app import ForeignConfig

pytestmark = pytest.mark.fleet


@pytest.fixture
def fleet(
    broker_url: str, migrated_database_url: str, database: Database, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[TunedFleet]:  # fmt: skip
    monkeypatch.setenv("EARTHGAZER__CELERY__BROKER_URL", broker_url)
    monkeypatch.setenv("EARTHGAZER__DATABASE__URL", migrated_database_url)
    monkeypatch.setenv("EARTHGAZER__STORAGE__DATA_PATH", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    with tuned_fleet(ForeignConfig(broker_url, migrated_database_url, tmp_path), database) as fleet:
        # The product's own transport options, which the command line reads the broker with.
        from earthgazer_core.celery_app import make_app
        from earthgazer_core.settings import load_settings

        app = make_app(load_settings())
        fleet.configure(broker_transport_options=dict(app.conf.broker_transport_options))
        app.close()
        yield fleet


def invoke(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(cli, list(words), input=answer)


def document(*words: str, code: int = 0) -> Any:
    result = invoke(*words, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_messages_are_peeked_at_deleted_moved_and_purged(fleet: TunedFleet) -> None:
    ids = [fleet.send(number) for number in range(4)]
    fleet.send(9, queue="other")
    shown = document("queues", "peek", "steps")
    assert [(one["task_id"], one["args"]) for one in shown] == [
        (task_id, f"[{number}]") for number, task_id in enumerate(ids)
    ]
    assert "raw" not in shown[0]
    assert ids[0] in invoke("queues", "peek", "steps").output
    assert document("queues", "delete", "steps", ids[0])["task_id"] == ids[0]
    assert "no message" in document("queues", "delete", "steps", ids[0], code=1)["error"]
    assert document("queues", "move", "steps", ids[3], "--to", "other")["moved"] == 1
    assert document("queues", "move", "steps", ids[2], "--priority", "0")["moved"] in (0, 1)
    assert (
        "no queue nowhere" in document("queues", "move", "steps", "--all", "--to", "nowhere", code=1)["error"]
    )
    assert document("queues", "move", "steps", code=2)["type"] == "InvalidInputError"
    assert document("queues", "purge", "steps", code=2)["type"] == "InvalidInputError"
    assert document("queues", "purge", "steps", "--dry-run")["total"] == 2
    refused = invoke("queues", "purge", "steps", answer="n\n")
    assert (refused.exit_code, len(fleet.waiting())) == (1, 2)
    assert invoke("queues", "purge", "steps", answer="y\n").exit_code == 0
    assert document("queues", "purge", "other", "--yes")["purged"] == 2
    assert (fleet.waiting(), fleet.waiting("other")) == ([], [])
    assert {queue["name"] for queue in document("queues", "--timeout", "0")} >= {"other"}


def test_workers_are_told_and_queues_paused(fleet: TunedFleet) -> None:
    fleet.configure(worker_pool_restarts=True)
    worker = fleet.start_worker(concurrency=1)
    assert document("queues", "pause", "steps")["stopped"] == ["one@test"]
    assert [one["queue"] for one in document("queues", "paused", "--enforce")] == ["steps"]
    assert document("queues", "resume", "steps")["consuming"] == ["one@test"]
    assert document("workers", "rate-limit", "*@test", "steps.add", "5/m")["ok"]
    assert document("workers", "time-limit", "one@test", "steps.add", "--hard", "50")["ok"]
    assert document("workers", "pool-restart", "one@test")["ok"]
    assert document("workers", "events", "one@test", "on")["is_volatile"]
    assert document("workers", "add-consumer", "one@test", "more")["ok"]
    assert document("workers", "cancel-consumer", "one@test", "more")["ok"]
    told = document("workers", "registered", "one@test")["one@test"]
    assert told["steps.add"]["rate_limit"] == "5/m"
    assert document("workers", "conf", "one@test")["one@test"]["task_default_queue"] == "steps"
    assert document("workers", "revoked", "one@test") == {"one@test": []}
    assert "does not scale itself" in document("workers", "autoscale", "one@test", "3", code=1)["error"]
    assert "no worker matches" in document("workers", "events", "gpu@*", "on", code=1)["error"]
    text = invoke("workers", "shutdown", "one@test")
    assert text.exit_code == 0, text.output
    assert "has left" in text.output
    eventually(lambda: worker.poll() is not None, "the end")
