"""Due times against a calendar that is walked minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from celery.schedules import crontab, schedule
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.schedule.timing import Timing

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_an_interval_goes_on_from_its_due_time_without_drift() -> None:
    assert Timing.every(60).next_after(NOON, NOON + seconds(3)) == NOON + seconds(60)


def test_an_interval_that_missed_runs_begins_anew() -> None:
    late = NOON + seconds(60 * 100 + 7)
    assert Timing.every(60).next_after(NOON, late) == late + seconds(60)


def test_an_interval_that_never_ran_begins_now() -> None:
    assert Timing.every(60).next_after(None, NOON) == NOON + seconds(60)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("7 * * * *", datetime(2026, 11, 21, 12, 7, tzinfo=UTC)),
        ("0 * * * *", datetime(2026, 11, 21, 13, 0, tzinfo=UTC)),
        ("23 3 * * *", datetime(2026, 11, 22, 3, 23, tzinfo=UTC)),
        ("0 0 1 * *", datetime(2026, 12, 1, 0, 0, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, 0, 0, tzinfo=UTC)),
        ("30 6 * * mon", datetime(2026, 11, 23, 6, 30, tzinfo=UTC)),
    ],
)
def test_a_crontab_is_due_at_its_next_minute(fields: str, expected: datetime) -> None:
    assert Timing.cron(fields).next_after(NOON, NOON + seconds(0.2)) == expected


@given(
    minute=st.sampled_from(["*", "*/15", "7", "0,59"]),
    hour=st.sampled_from(["*", "3", "22-23", "*/6"]),
    weekday=st.sampled_from(["*", "mon-fri", "0", "6"]),
    offset_s=st.integers(0, 7 * 86_400),
)
def test_a_crontab_skips_no_minute_and_invents_none(
    minute: str, hour: str, weekday: str, offset_s: int
) -> None:
    at = NOON + seconds(offset_s)
    timing = Timing.cron(f"{minute} {hour} * * {weekday}")
    fields = crontab(minute, hour, weekday)
    walked = at.replace(second=0) + seconds(60)
    while not (
        walked.minute in fields.minute  # type: ignore[attr-defined]
        and walked.hour in fields.hour  # type: ignore[attr-defined]
        and walked.isoweekday() % 7 in fields.day_of_week  # type: ignore[attr-defined]
    ):
        walked += seconds(60)
    assert timing.next_after(None, at) == walked


@pytest.mark.parametrize("number", [0, -5, 0.5, float("nan"), float("inf"), 1e12])
def test_a_senseless_interval_is_refused(number: float) -> None:
    with pytest.raises(InvalidInputError, match="between 1 s and a year"):
        Timing.every(number)


@pytest.mark.parametrize("fields", ["", "* * * *", "60 * * * *", "x * * * *", "0 0 30 2 *"])
def test_a_senseless_crontab_is_refused(fields: str) -> None:
    with pytest.raises(InvalidInputError, match="crontab"):
        Timing.cron(fields)


def test_schedules_of_celery_are_taken_over() -> None:
    assert Timing.of_celery(crontab(minute="7")).text == "7 * * * * UTC"
    assert Timing.of_celery(crontab(minute=[30, 0], hour="1, 2")).crontab == "0,30 1,2 * * *"
    assert Timing.of_celery(schedule(timedelta(minutes=2))).text == "every 120 s"
