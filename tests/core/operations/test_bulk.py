"""Many tasks retried at a rate, grouped and found by a filter; runs are counted beside Celery."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from earthgazer_core.cli.main import cli
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.operations.bulk import BulkProgress, run_bulk
from earthgazer_core.operations.bulk_plan import plan_bulk
from earthgazer_core.operations.failures import list_failure_groups
from earthgazer_core.operations.filter import parse
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.operations.retry_rate import Rate, parse_rate
from tests.core.recorder.fleet import ForeignFleet, eventually

FAILURES = 12


@pytest.fixture
def retrier(fleet: ForeignFleet) -> Retrier:
    return Retrier(fleet.database, fleet.app, encryption_key=fleet.config.encryption_key)


@pytest.fixture
def failed(fleet: ForeignFleet) -> list[str]:
    """Ids of tasks that failed one after the other, and will again as long as there is no flag."""
    fleet.start_worker(concurrency=1)
    tasks = [fleet.app.tasks["steps.needs"].delay(number, flag="a") for number in range(FAILURES)]
    for task in tasks:
        fleet.until(task.id, "FAILURE")
    return [task.id for task in tasks]


@pytest.fixture
def environment(fleet: ForeignFleet, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    variables = {
        "EARTHGAZER__CELERY__BROKER_URL": fleet.config.broker_url,
        "EARTHGAZER__DATABASE__URL": fleet.config.database_url,
        "EARTHGAZER__STORAGE__DATA_PATH": str(fleet.config.directory / "data"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(fleet.config.directory)
    return variables


def invoke(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def document(*words: str, code: int = 0) -> Any:
    result = invoke(*words, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def summaries(fleet: ForeignFleet) -> list[dict[str, Any]]:
    return fleet.rows("select * from earthgazer.operator_actions where action = 'tasks.retry' order by id")


@pytest.mark.parametrize(
    ("words", "rate"),
    [("5/s", Rate(5, 1)), ("30/m", Rate(30, 60)), (" 2.5 / h ", Rate(2.5, 3600)), ("7", Rate(7, 1))],
)
def test_a_rate_is_read(words: str, rate: Rate) -> None:
    assert parse_rate(words) == rate
    assert parse_rate(str(rate)) == rate


@pytest.mark.parametrize("words", ["", "fast", "0/s", "-1/s", "5/d", "5/", "1e9/s", "99999999/s"])
def test_a_wrong_rate_is_refused(words: str) -> None:
    with pytest.raises(InvalidInputError, match="expected 5/s"):
        parse_rate(words)


@pytest.mark.fleet
def test_all_that_match_are_retried_at_a_rate(
    fleet: ForeignFleet, retrier: Retrier, failed: list[str]
) -> None:
    """Stopped by the operator, cut by the limit, then gone on with: nothing is published twice."""
    fleet.app.tasks["steps.add"].delay(1)
    wanted = parse("name:needs since:1h")
    plan = plan_bulk(fleet.database, retrier, wanted, listed=3)
    # The worker's only process takes them as they were sent.
    assert [task.task_id for task in plan.tasks] == failed
    assert [(one.name, one.queue, one.state, one.count) for one in plan.counts] == [
        ("steps.needs", "steps", "FAILURE", FAILURES)
    ]
    assert [item.mode for item in plan.items] == ["in place"] * 3
    assert (plan.matched, plan.is_cut, plan.note) == (FAILURES, False, "")
    cut = plan_bulk(fleet.database, retrier, wanted, limit=5)
    assert (cut.matched, len(cut.tasks), cut.is_cut) == (FAILURES, 5, True)
    assert "12 failed tasks match, and at most 5 are retried at once" in cut.note
    assert summaries(fleet) == []

    fleet.raise_flag("a")
    stop = threading.Event()
    seen: list[BulkProgress] = []

    def watch(progress: BulkProgress) -> None:
        seen.append(progress)
        if progress.done == 3:
            stop.set()

    began = time.monotonic()
    outcome = run_bulk(
        fleet.database, retrier, cut, rate=parse_rate("20/s"), stop=stop, progress=watch, said="name:needs"
    )
    assert time.monotonic() - began >= 2 / 20
    assert (len(outcome.retried), outcome.left, outcome.ended) == (3, 2, "stopped")
    assert [progress.done for progress in seen] == [1, 2, 3]
    # One that was retried since the plan was made is refused at its moment.
    again = run_bulk(fleet.database, retrier, cut)
    assert (len(again.retried), len(again.refused), again.ended) == (2, 3, "done")
    for task_id in failed[:5]:
        fleet.until(task_id, "SUCCESS")
    rest = run_bulk(fleet.database, retrier, plan_bulk(fleet.database, retrier, wanted))
    assert (len(rest.retried), rest.summary) == (FAILURES - 5, "7 of 7 retried")
    for task_id in failed:
        fleet.until(task_id, "SUCCESS")
    assert fleet.runs_of("needs") == 2 * FAILURES
    first, second, third = summaries(fleet)
    assert (first["outcome"], first["target"]) == ("done", {"filter": "name:needs", "tasks": 5})
    assert first["detail"]["rate"] == "20/s"
    assert [one["detail"]["retried"] for one in (first, second, third)] == [3, 2, 7]
    assert [one["detail"]["left"] for one in (first, second, third)] == [2, 0, 0]
    assert plan_bulk(fleet.database, retrier, wanted).tasks == ()


@pytest.mark.fleet
def test_a_killed_bulk_retry_is_gone_on_with(
    fleet: ForeignFleet, failed: list[str], environment: dict[str, str]
) -> None:
    """The command dies in the middle; run again it does the others, and each once."""
    fleet.raise_flag("a")
    command = [sys.executable, "-m", "earthgazer_core.cli", "tasks", "retry", "--where", "name:needs"]
    with subprocess.Popen(
        [*command, "--rate", "2/s"], env=fleet.environment() | environment, stderr=subprocess.DEVNULL
    ) as dying:
        eventually(lambda: fleet.runs_of("needs") >= FAILURES + 2, "two retried")
        dying.send_signal(signal.SIGKILL)
    done = document("tasks", "retry", "--where", "name:needs")
    assert 0 < len(done["retried"]) <= FAILURES - 2
    assert (done["refused"], done["left"], done["ended"]) == ([], 0, "done")
    for task_id in failed:
        fleet.until(task_id, "SUCCESS")
    assert fleet.runs_of("needs") == 2 * FAILURES
    killed, second = summaries(fleet)
    assert (killed["outcome"], second["outcome"]) == ("begun", "done")


@pytest.mark.fleet
@pytest.mark.usefixtures("environment")
def test_the_command_line_plans_edits_and_groups(fleet: ForeignFleet, failed: list[str]) -> None:
    listed = document("tasks", "list", "state:failure", "name:needs", "NOT", "error:KeyError")
    assert {one["task_id"] for one in listed} == set(failed)
    assert document("tasks", "list", "--where", "-name:needs") == []
    assert (
        len(document("tasks", "list", "since:1h", "--state", "failure", "--name", "steps.needs")) == FAILURES
    )
    wrong = invoke("tasks", "list", "state:failure runtime:soon")
    assert wrong.exit_code == 2
    assert "state:failure runtime:soon\n                      ^" in wrong.stderr

    plan = document("tasks", "retry", "--where", "name:needs", "--dry-run")
    assert (plan["matched"], len(plan["items"])) == (FAILURES, FAILURES)
    assert document("tasks", "retry", "--where", "name:needs", "--limit", "2", "--dry-run", code=1)["is_cut"]
    assert document("tasks", "retry", "--where", "name:nothing")["retried"] == []
    assert invoke("tasks", "retry", "--where", "name:needs", failed[0]).exit_code == 2
    assert invoke("tasks", "retry", "--where", "name:needs", "--rate", "fast").exit_code == 2

    edited = document("tasks", "retry", failed[0], "--kwargs", '{"flag": "b"}', "--dry-run")
    assert '-    "flag": "a"' in edited["difference"]
    assert '+    "flag": "b"' in edited["difference"]
    broken = invoke("tasks", "retry", failed[0], "--kwargs", '{"flag": }')
    assert broken.exit_code == 2
    assert '{"flag": }\n         ^' in broken.stderr
    assert invoke("tasks", "retry", failed[0], "--args", "{}").exit_code == 2
    assert invoke("tasks", "retry", failed[0], "--kwargs", '{"flag": "a"}').exit_code == 1
    fleet.raise_flag("b")
    done = document("tasks", "retry", failed[0], "--kwargs", '{"flag": "b"}')
    fleet.until(done["new_id"], "SUCCESS")

    told = document("failures")
    [group] = told["groups"]
    assert (group["name"], group["error_type"], group["message"], group["count"]) == (
        "steps.needs", "LookupError", "no a yet", FAILURES - 1,
    )  # fmt: skip
    assert group["frame"] == "recorder/foreign_app.py:needs"
    assert set(group["task_ids"]) == set(failed[1:])
    assert document("failures", "--where", "error:KeyError")["groups"] == []
    assert document("failures", "--dead") == []
    assert invoke("failures", "--where", "what:").exit_code == 2


@pytest.mark.fleet
def test_the_editor_asks_again(
    fleet: ForeignFleet, failed: list[str], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = fleet.config.directory / "editor.py"
    editor.write_text(
        "import os, pathlib, sys\n"
        "path = pathlib.Path(sys.argv[1]); tries = pathlib.Path('tries')\n"
        "first = not tries.exists(); tries.touch()\n"
        "text = path.read_text() if first else path.read_text().replace('!', '')\n"
        "path.write_text(text.replace('\"a\"', '\"b\"') + ('!' if first else ''))\n"
        "os.utime(path, (1, 1))\n"
    )
    monkeypatch.setenv("EDITOR", f"{sys.executable} {editor}")
    fleet.raise_flag("b")
    result = CliRunner().invoke(cli, ["tasks", "retry", failed[0], "--edit", "--json"], input="y\n")
    assert result.exit_code == 0, result.output
    assert "line 8" in result.stderr or "Extra data" in result.stderr
    fleet.until(json.loads(result.stdout)["new_id"], "SUCCESS")
    assert environment


@pytest.mark.usefixtures("environment")
def test_failures_of_one_kind_are_counted_together(fleet: ForeignFleet) -> None:
    insert = (
        "insert into earthgazer.task_executions"
        " (task_id, name, state, error_type, error_message, finished_at, blocked_by, dismissed_at) values"
        " (:id, :name, 'FAILURE', :kind, :words, timestamptz '2026-11-01 00:00Z' + :n * interval '1 minute',"
        " :blocked, case when :gone then now() end)"
    )
    rows = [
        {
            "id": f"t{n}",
            "name": "a",
            "kind": "LookupError",
            "words": f"no capture {n}",
            "n": n,
            "blocked": None,
            "gone": False,
        }
        for n in range(30)
    ]
    rows += [
        {**rows[0], "id": "other", "words": "no place", "n": 99},
        {**rows[0], "id": "body", "blocked": "t0"},
        {**rows[0], "id": "seen", "gone": True},
    ]
    with fleet.database.session() as session:
        session.execute(text(insert), rows)
    with fleet.database.session() as session:
        found = list_failure_groups(session)
        cut = list_failure_groups(session, parse("name:a"), limit=1, scanned=10)
    assert [(one.message, one.count, one.newest_task_id) for one in found.groups] == [
        ("no place", 1, "other"),
        ("no capture <n>", 30, "t29"),
    ]
    group = found.groups[1]
    assert (group.sample, group.task_ids[:2], found.is_cut, found.failures) == (
        "no capture 29",
        ("t29", "t28"),
        False,
        31,
    )
    assert group.first_seen is not None
    assert group.last_seen is not None
    assert (group.last_seen - group.first_seen).total_seconds() == 29 * 60
    assert (len(cut.groups), cut.is_cut) == (1, True)
