"""``earthgazer schedule`` with our own schedule, a real beat and a real worker."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from earthgazer_core.celery_app import make_app
from earthgazer_core.schedule.publishing import publishing
from tests.core.pipeline import Pipeline, wait_until

pytestmark = pytest.mark.fleet

SWEEP = "sweep-work-files"


@pytest.fixture(scope="module")
def seeded(pipeline: Pipeline) -> Iterator[Pipeline]:
    """The pipeline after our own beat has run for a moment."""
    log = pipeline.directory / "beat.log"
    with log.open("wb") as output:
        beat = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "earthgazer_core.celery_app", "beat", "--pidfile", ""],
            cwd=pipeline.directory, env=pipeline.environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_until(lambda: bool(pipeline.ok("schedule", "list", "--json")), 30, log.read_text)
    finally:
        beat.send_signal(signal.SIGTERM)
        beat.wait(20)
    yield pipeline
    pipeline.ok("schedule", "interval", SWEEP, "--reset", "--json")
    pipeline.ok("schedule", "enable", SWEEP, "--json")


def shown(pipeline: Pipeline, name: str = SWEEP) -> dict[str, Any]:
    listed: list[dict[str, Any]] = pipeline.ok("schedule", "list", "--json")
    return next(one for one in listed if one["name"] == name)


def test_our_own_schedule_is_listed(seeded: Pipeline) -> None:
    assert shown(seeded)["timing"] == "23 * * * * UTC"
    assert shown(seeded)["next_run_at"].endswith(":23:00+00:00")
    assert shown(seeded, "discover-active-locations")["task"] == "earthgazer.io.discover_images"
    answer = seeded.ask("schedule", "list")
    assert SWEEP in answer.out
    assert "23 * * * * UTC" in answer.out


def test_a_run_by_hand_shows_its_outcome(seeded: Pipeline) -> None:
    answer = seeded.run("schedule", "run", SWEEP, "--json")
    assert answer.code == 0, answer.err
    task_id = answer.json["task_id"]
    wait_until(lambda: shown(seeded)["last_state"] == "SUCCESS", 30, lambda: str(shown(seeded)))
    assert shown(seeded)["last_task_id"] == task_id
    with publishing(make_app(seeded.settings)) as publisher:
        assert publisher.knows(task_id)
        assert not publisher.knows("nobody")


def test_it_is_switched_and_sped_up_and_reset(seeded: Pipeline) -> None:
    assert seeded.ok("schedule", "disable", SWEEP, "--json")["next_run_at"] is None
    assert "off" in seeded.ask("schedule", "list").out
    assert seeded.ok("schedule", "interval", SWEEP, "900", "--json")["timing"] == "every 900 s"
    assert seeded.ok("schedule", "enable", SWEEP, "--json")["enabled"]
    assert seeded.ok("schedule", "interval", SWEEP, "--reset", "--json")["timing"] == "23 * * * * UTC"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("enable", "nobody"), 1, "no schedule entry 'nobody'"),
        (("interval", SWEEP, "0"), 2, "between 1 s and a year"),
        (("interval", SWEEP), 2, "either the seconds or --reset"),
    ],
)
def test_bad_input_is_one_line(seeded: Pipeline, arguments: tuple[str, ...], code: int, words: str) -> None:
    answer = seeded.ask("schedule", *arguments)
    assert (answer.code, answer.out) == (code, "")
    assert words in answer.err
    assert len(answer.err.splitlines()) == 1
