from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from earthgazer_core.db.session import Database
from earthgazer_tui.fleet.live.locations import list_freshness
from earthgazer_tui.fleet.models import Freshness
from tests.tui.fleet import rows
from tests.tui.fleet.rows import NOW


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.session() as session:
        yield session


def _only(session: Session) -> Freshness:
    (row,) = list_freshness(session, NOW)
    return row


def test_a_place_never_searched_is_not_discovered(session: Session) -> None:
    rows.location(session)
    row = _only(session)
    assert (row.status, row.is_overdue) == ("not discovered", False)


def test_a_place_without_captures_after_a_search_is_not_published(session: Session) -> None:
    rows.location(session, last_discovered_at=NOW)
    assert _only(session).status == "not published"


def test_a_processed_newest_capture_is_ok_and_the_next_pass_follows_the_revisit(session: Session) -> None:
    place = rows.location(session, last_discovered_at=NOW)
    capture = rows.capture(session, place)
    rows.artifact(session, capture)
    row = _only(session)
    assert (row.status, row.last_sensing_time) == ("ok", capture.sensing_time)
    assert row.last_success_at == NOW - timedelta(days=1)
    assert row.next_expected == capture.sensing_time + timedelta(days=10)


def test_the_next_pass_is_the_first_of_any_satellite(session: Session) -> None:
    place = rows.location(session, last_discovered_at=NOW)
    rows.artifact(session, rows.capture(session, place))
    rows.capture(session, place, mission="SENTINEL-2B", product_id="b", sensing_time=NOW - timedelta(days=7))
    assert _only(session).next_expected == NOW + timedelta(days=3)


def test_an_unprocessed_capture_waits(session: Session) -> None:
    rows.capture(session, rows.location(session, last_discovered_at=NOW))
    row = _only(session)
    assert (row.status, row.reason) == ("waiting", "2026-11-18 is discovered and not processed yet")


def test_work_in_progress_is_told(session: Session) -> None:
    capture = rows.capture(session, rows.location(session, last_discovered_at=NOW))
    rows.execution(session, "a", state="STARTED", capture_id=capture.id)
    assert _only(session).reason == "2026-11-18: making NDVI"


def test_a_failure_is_overdue_and_comes_first(session: Session) -> None:
    rows.artifact(session, rows.capture(session, rows.location(session, "a", last_discovered_at=NOW)))
    failed = rows.capture(session, rows.location(session, "b", last_discovered_at=NOW), product_id="x")
    rows.execution(session, "a", state="FAILURE", capture_id=failed.id)
    first, second = list_freshness(session, NOW)
    assert (first.name, first.status, first.is_overdue) == ("b", "failed", True)
    assert f"capture {failed.id}" in first.reason
    assert second.status == "ok"


def test_no_clear_pixel_is_too_cloudy(session: Session) -> None:
    capture = rows.capture(session, rows.location(session, last_discovered_at=NOW))
    rows.artifact(session, capture, outcome="no_clear_pixels", statistics=rows.statistics(None))
    assert _only(session).status == "too cloudy"


@pytest.mark.parametrize(
    ("sensed_days_ago", "searched_days_ago", "status", "is_overdue"),
    [
        (10.5, 0, "ok", False),
        (12, 0, "not published", False),
        (12, 5, "not discovered", False),
        (20, 0, "overdue", True),
        (20, 15, "not discovered", True),
    ],
)
def test_a_pass_that_should_be_there_says_why_it_is_not(
    session: Session, sensed_days_ago: float, searched_days_ago: float, status: str, is_overdue: bool
) -> None:
    place = rows.location(session, last_discovered_at=NOW - timedelta(days=searched_days_ago))
    rows.artifact(session, rows.capture(session, place, sensing_time=NOW - timedelta(days=sensed_days_ago)))
    row = _only(session)
    assert (row.status, row.is_overdue) == (status, is_overdue)


def test_a_place_whose_time_is_over_expects_nothing(session: Session) -> None:
    place = rows.location(session, last_discovered_at=NOW, to_date=date(2026, 10, 1))
    rows.artifact(session, rows.capture(session, place, sensing_time=NOW - timedelta(days=55)))
    row = _only(session)
    assert (row.status, row.next_expected, row.is_overdue) == ("ok", None, False)


def test_an_inactive_place_is_left_out(session: Session) -> None:
    rows.location(session, active=False)
    assert list_freshness(session, NOW) == ()


def test_a_superseded_capture_is_not_the_newest(session: Session) -> None:
    place = rows.location(session, last_discovered_at=NOW)
    good = rows.capture(session, place)
    rows.artifact(session, good)
    rows.capture(session, place, product_id="old-baseline", superseded_by=good.id)
    assert _only(session).status == "ok"
