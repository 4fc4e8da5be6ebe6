"""The operators' commands, as scripts see them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from earthgazer_core.cli.main import cli
from tests.core.recorder.fleet import ForeignFleet, eventually

pytestmark = pytest.mark.fleet


@pytest.fixture
def environment(fleet: ForeignFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARTHGAZER__CELERY__BROKER_URL", fleet.config.broker_url)
    monkeypatch.setenv("EARTHGAZER__DATABASE__URL", fleet.config.database_url)
    monkeypatch.setenv("EARTHGAZER__STORAGE__DATA_PATH", str(fleet.config.directory / "data"))
    monkeypatch.chdir(fleet.config.directory)


def invoke(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def document(*words: str, code: int = 0) -> Any:
    result = invoke(*words, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures("environment")
def test_a_failure_is_found_shown_and_retried(fleet: ForeignFleet) -> None:
    fleet.start_worker()
    task = fleet.app.tasks["steps.needs"].delay(1, flag="evil\x1b[2J")
    fleet.until(task.id, "FAILURE")
    [listed] = document("tasks", "list", "--state", "failure", "--since", "2h")
    assert (listed["task_id"], listed["error_type"]) == (task.id, "LookupError")
    shown = document("tasks", "show", task.id)
    assert (shown["state"], shown["args"], shown["args_source"]) == ("FAILURE", "[1]", "recorded message")
    assert json.loads(shown["kwargs"]) == {"flag": "evil\x1b[2J"}
    text = invoke("tasks", "show", task.id)
    assert "\x1b" not in text.output
    assert "LookupError" in text.output
    [planned] = document("tasks", "retry", task.id, "--dry-run")
    assert planned["mode"] == "in place"
    fleet.raise_flag("evil\x1b[2J")
    [done] = document("tasks", "retry", task.id)
    assert (done["mode"], done["attempt"]) == ("in place", 2)
    fleet.until(task.id, "SUCCESS")
    [refused] = document("tasks", "retry", task.id, code=1)
    assert refused["mode"] == "refused"


@pytest.mark.usefixtures("environment")
def test_what_each_failed_try_logged_is_shown(fleet: ForeignFleet) -> None:
    fleet.start_worker()
    fleet.raise_flag("go")
    task = fleet.app.tasks["steps.talk"].delay("evil\x1b[2J", "go")
    fleet.until(task.id, "FAILURE")
    shown = document("tasks", "show", task.id)
    assert "INFO evil\x1b[2J 2 of try 0" in shown["log"]
    assert invoke("tasks", "retry", task.id).exit_code == 0

    def failed_again() -> Any:
        shown = document("tasks", "show", task.id)
        return shown if shown["attempt"] == 2 and shown["state"] == "FAILURE" else None

    shown = eventually(failed_again, "a second failure")
    logs = [change["detail"]["log"] for change in shown["timeline"] if change["state"] == "FAILURE"]
    assert len(logs) == 2
    assert shown["log"] == logs[1]
    text = invoke("tasks", "show", task.id).output
    assert "\x1b" not in text
    assert text.count("log (last lines, UTC):") == text.count("raise LookupError(word)") == 2


@pytest.mark.usefixtures("environment")
def test_queues_and_workers_are_told(fleet: ForeignFleet) -> None:
    fleet.start_worker(concurrency=2)
    told = {queue["name"]: queue for queue in document("queues")}
    assert told["steps"]["consumers"] == 1
    assert told["steps"]["depth"] == 0
    [worker] = document("workers")
    assert (worker["hostname"], worker["pool_size"]) == ("one@test", 2)
    assert document("workers", "shrink", "one@test") == {
        "worker": "one@test",
        "before": 2,
        "after": 1,
        "wanted": 1,
    }
    refused = document("workers", "shrink", "one@test", code=1)
    assert "never run them" in refused["error"]
    actions = [
        (row["action"], row["outcome"])
        for row in fleet.rows("select * from earthgazer.operator_actions order by id")
    ]
    assert actions == [("pool.shrink", "done"), ("pool.shrink", "refused")]


@pytest.mark.usefixtures("environment")
def test_a_revoked_task_and_its_answers(fleet: ForeignFleet) -> None:
    fleet.start_worker()
    task = fleet.app.tasks["steps.add"].apply_async((1,), countdown=300)
    fleet.until(task.id, "RECEIVED")
    told = document("tasks", "revoke", task.id)
    assert told["revoked"] == [task.id]
    assert [answer["worker"] for answer in told["answers"]] == ["one@test"]


@pytest.mark.usefixtures("environment")
def test_errors_have_their_exit_codes(fleet: ForeignFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoke("tasks", "show", "nobody").exit_code == 1
    assert invoke("tasks", "list", "--since", "yesterday").exit_code == 2
    assert invoke("tasks", "retry").exit_code == 2
    monkeypatch.setenv("EARTHGAZER__CELERY__BROKER_URL", "redis+socket:///tmp/eg-there-is-no-such-socket")
    assert invoke("queues").exit_code == 3
    assert invoke("workers").exit_code == 3
