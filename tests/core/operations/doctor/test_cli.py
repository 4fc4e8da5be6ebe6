"""``earthgazer doctor`` on real services."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from earthgazer_core.celery_app import make_app
from earthgazer_core.settings import EarthGazerSettings
from tests.core.pipeline import Pipeline

pytestmark = pytest.mark.fleet


@pytest.fixture
def offline(settings: EarthGazerSettings, tmp_path: Path) -> Pipeline:
    return Pipeline(settings, tmp_path / "work")


def test_a_fleet_is_healthy_then_not_and_a_task_says_why(
    offline: Pipeline, settings: EarthGazerSettings
) -> None:
    app = make_app(settings)
    offline.start()
    try:
        healthy = offline.run("doctor", "--json")
        assert (healthy.code, healthy.json["findings"]) == (0, []), healthy.out
        later = str(app.send_task("earthgazer.io.discover_images", countdown=300).id)
        gone = str(app.send_task("earthgazer.maintenance.sweep_work_files", expires=-1).id)
        offline.eventually(lambda: offline.ok("tasks", "list", "--state", "REVOKED", "--json"))
        waits = offline.run("doctor", later, "--json", "--patience", "0.5")
        assert (waits.code, [one["check"] for one in waits.json["findings"]]) == (0, ["task-scheduled"])
        expired = offline.run("doctor", gone, "--json", "--patience", "0.5")
        assert (expired.code, [one["check"] for one in expired.json["findings"]]) == (1, ["task-revoked"])
        assert expired.json["findings"][0]["remedy"] == {"cure": "retry-copy", "targets": [gone]}
    finally:
        offline.stop()
    task_id = str(app.send_task("earthgazer.io.discover_images").id)
    # A result that outlives its server would unsubscribe from it when it is collected.
    backend: Any = app.backend
    backend.result_consumer.stop()
    backend.result_consumer.subscribed_to.clear()
    app.close()
    sick = offline.run("doctor", "--json", "--patience", "0.5")
    assert sick.code == 1
    [found] = [one for one in sick.json["findings"] if one["check"] == "queue-without-consumer"]
    assert set(found) == {"check", "severity", "subject", "evidence", "fix", "remedy"}
    assert found["fix"] == "earthgazer worker all"
    why = offline.run("doctor", task_id, "--patience", "0.5")
    assert why.code == 1
    assert f"task earthgazer.io.discover_images {task_id}: it waits in queue io_queue" in why.out
    unknown = offline.run("doctor", "no\x1bsuch", "--patience", "0.5")
    assert (unknown.code, "\x1b" in unknown.out) == (1, False)


def test_nothing_to_look_at_is_exit_code_3(offline: Pipeline, tmp_path: Path) -> None:
    answer = offline.run(
        "doctor", "--json",
        EARTHGAZER__CELERY__BROKER_URL=f"redis+socket://{tmp_path}/none.sock",
        EARTHGAZER__DATABASE__URL=f"postgresql+psycopg2://nobody@/none?host={tmp_path}",
    )  # fmt: skip
    assert answer.code == 3
    assert {found["check"] for found in answer.json["findings"]} == {
        "broker-unreachable",
        "database-unreachable",
    }


def test_without_a_broker_the_database_is_looked_at_alone(
    offline: Pipeline, settings: EarthGazerSettings, tmp_path: Path
) -> None:
    assert settings.database.url is not None
    url = settings.database.url.get_secret_value()
    alone = offline.run_unconfigured("doctor", "--json", EARTHGAZER__DATABASE__URL=url)
    assert (alone.code, alone.json["findings"]) == (0, [])
    nothing = offline.run_unconfigured("doctor", EARTHGAZER_STATE_DIR=str(tmp_path / "none"))
    assert (nothing.code, "earthgazer stack up" in nothing.err) == (2, True)
