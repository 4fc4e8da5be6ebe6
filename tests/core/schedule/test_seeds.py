"""What of ``beat_schedule`` can be kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from celery import Celery
from celery.beat import ScheduleEntry
from celery.schedules import BaseSchedule

from earthgazer_core.celery_app import configuration
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.schedule.seeds import seeds_of
from earthgazer_core.settings import CelerySettings, DatabaseSettings, EarthGazerSettings


def an_entry(**given: Any) -> ScheduleEntry:
    return ScheduleEntry(**{"name": "sweep", "task": "tasks.sweep", "schedule": 60, "app": Celery(), **given})


def test_entries_become_plain_values() -> None:
    [seed] = seeds_of([an_entry(args=(1, "a"), kwargs={"b": [2]}, options={"expires": 30})])
    assert (seed.args, seed.kwargs, seed.options) == ([1, "a"], {"b": [2]}, {"expires": 30})
    assert seed.timing.text == "every 60 s"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"args": (object(),)}, "plain JSON"),
        ({"options": {"eta": datetime(2026, 11, 21, tzinfo=UTC)}}, "plain JSON"),
        ({"schedule": 0.1}, "between 1 s and a year"),
        ({"schedule": BaseSchedule()}, "use seconds or crontab"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError, match=f"schedule entry sweep: .*{words}"):
        seeds_of([an_entry(**given)])


def test_the_database_is_the_schedules_home_where_there_is_one() -> None:
    broker = CelerySettings(broker_url="redis://nowhere")  # type: ignore[arg-type]
    without = EarthGazerSettings(_env_file=None, celery=broker)  # type: ignore[call-arg]
    assert "beat_scheduler" not in configuration(without)
    having = without.model_copy(update={"database": DatabaseSettings(host="nowhere")})
    assert configuration(having)["beat_scheduler"].endswith(":DatabaseScheduler")
