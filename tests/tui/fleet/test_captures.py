from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from earthgazer_core.db.session import Database
from earthgazer_tui.fleet.errors import NotFoundError, RefusedError
from earthgazer_tui.fleet.live.capture_detail import show_capture
from earthgazer_tui.fleet.live.captures import list_captures
from tests.tui.fleet import rows
from tests.tui.fleet.rows import NOW


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.session() as session:
        yield session


def _states(session: Session) -> dict[str, str]:
    (row,) = list_captures(session)
    return {stage.stage: stage.state for stage in row.stages}


def test_a_capture_that_was_only_discovered_has_one_stage(session: Session) -> None:
    rows.capture(session, rows.location(session))
    assert _states(session) == {
        "discovered": "done", "backed_up": "none", "downloaded": "none",
        "stacked": "none", "ndvi": "none", "rgb": "none",
    }  # fmt: skip


def test_stages_follow_what_was_made(session: Session) -> None:
    capture = rows.capture(session, downloaded_at=NOW, backed_up_at=NOW)
    for kind in ("stacked", "ndvi"):
        rows.artifact(session, capture, kind)
    rows.execution(
        session, "r", name="earthgazer.cpu.generate_rgb", capture_id=capture.id, result={"skipped": "no blue"}
    )
    states = _states(session)
    assert states["rgb"] == "skipped"
    assert {state for stage, state in states.items() if stage != "rgb"} == {"done"}


def test_a_running_step_shows_its_progress_and_later_ones_wait(session: Session) -> None:
    capture = rows.capture(session, downloaded_at=NOW)
    rows.execution(
        session, "s", name="earthgazer.cpu.stack_and_crop", state="PROGRESS", percent=41.6, stage="B04",
        capture_id=capture.id,
    )  # fmt: skip
    (row,) = list_captures(session)
    stages = {stage.stage: stage for stage in row.stages}
    assert (stages["stacked"].state, stages["stacked"].percent) == ("running", 42)
    assert (stages["ndvi"].state, stages["rgb"].state) == ("waiting", "waiting")
    assert row.activity == "stacking 42 %"


@pytest.mark.parametrize(("dismissed", "outcome"), [(False, "failed"), (True, "")])
def test_a_failure_counts_until_it_is_dismissed(session: Session, dismissed: bool, outcome: str) -> None:
    capture = rows.capture(session)
    rows.execution(
        session, "f", state="FAILURE", capture_id=capture.id, dismissed_at=NOW if dismissed else None,
        error_type="RasterError", error_message="no CRS in redis://:pw@h\x1b[2J\nmore",
    )  # fmt: skip
    (row,) = list_captures(session)
    assert row.outcome == outcome
    failures = show_capture(session, capture.id).failures
    assert failures == (() if dismissed else ("making NDVI: RasterError: no CRS in redis://***@h\\x1b[2J",))


def test_a_retry_that_succeeded_is_no_failure(session: Session) -> None:
    capture = rows.capture(session)
    rows.execution(session, "f", state="FAILURE", capture_id=capture.id)
    rows.execution(session, "g", capture_id=capture.id, sent_at=NOW)
    assert show_capture(session, capture.id).failures == ()


def test_the_newest_ndvi_is_the_one_that_counts(session: Session) -> None:
    capture = rows.capture(session)
    rows.artifact(session, capture, statistics=rows.statistics(0.1), created_at=NOW - timedelta(days=9))
    rows.artifact(session, capture, statistics=rows.statistics(0.7))
    (row,) = list_captures(session)
    assert (row.ndvi_mean, row.valid_percent, row.outcome) == (0.7, 50.0, "ok")


def test_a_scene_without_a_clear_pixel_has_no_mean(session: Session) -> None:
    capture = rows.capture(session)
    rows.artifact(session, capture, statistics=rows.statistics(None), outcome="no_clear_pixels")
    (row,) = list_captures(session)
    assert (row.ndvi_mean, row.outcome) == (None, "no_clear_pixels")


def test_captures_come_newest_first_with_their_places(session: Session) -> None:
    here, there = rows.location(session, "here"), rows.location(session, "th\x1bere")
    old = rows.capture(session, here, sensing_time=NOW - timedelta(days=20))
    new = rows.capture(session, there, here)
    found = list_captures(session)
    assert [row.capture_id for row in found] == [new.id, old.id]
    assert found[0].locations == ("here", "th\\x1bere")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {1, 2}),
        ("landsat", {2}),
        ("-landsat", {1}),
        ("NOT landsat", {1}),
        ("cloud:<20", {1}),
        ("cloud:>=20 mission:LANDSAT", {2}),
        ("location:fiel", {1}),
        ("2026-11-18", {1}),
        ("%", set()),
        ('"2026-11-18 12:00"', {1}),
        ("since:2026-11-15", {1}),
        ("id:2", {2}),
    ],
)
def test_filters_find_what_they_say(session: Session, text: str, expected: set[int]) -> None:
    first = rows.capture(session, rows.location(session))
    second = rows.capture(
        session, mission="LANDSAT_8", cloud_cover_percent=80.0, sensing_time=NOW - timedelta(days=30)
    )
    numbers = {first.id: 1, second.id: 2}
    text = text.replace("id:2", f"id:{second.id}")
    assert {numbers[row.capture_id] for row in list_captures(session, text)} == expected


@pytest.mark.parametrize("text", ["nonsense:1", "cloud:much", "since:yesterday"])
def test_a_filter_that_can_not_be_says_what_can(session: Session, text: str) -> None:
    with pytest.raises(RefusedError, match=text.partition(":")[0]):
        list_captures(session, text)


def test_the_detail_has_everything_and_no_secret(session: Session) -> None:
    place = rows.location(session)
    capture = rows.capture(session, place, metadata_={"note": "\x9bhello", "url": "https://a:b@c/d"})
    rows.artifact(session, capture)
    rows.artifact(session, capture, "rgb", preview=b"torn")
    rows.series(session, place)
    detail = show_capture(session, capture.id)
    assert detail.assets[0].href == "https://***@host/B04.tif"
    assert {artifact.uri for artifact in detail.artifacts} == {"s3://***@bucket/a.tif"}
    metadata = dict(detail.metadata)
    assert (metadata["note"], metadata["url"]) == ("\\x9bhello", "https://***@c/d")
    assert detail.statistics is not None
    assert (detail.statistics.counts, detail.statistics.mean) == ((10, 40), 0.5)
    (preview,) = detail.previews
    assert (preview.kind, preview.width, preview.height, preview.rgba) == ("ndvi", 2, 3, bytes(range(24)))
    (series,) = detail.series
    assert [point.mean for point in series.points] == [0.4, None]
    assert series.points[1].gap == "no clear \\x1b[31mpixels"


def test_a_preview_that_is_not_what_it_says_is_left_out(session: Session) -> None:
    capture = rows.capture(session)
    rows.artifact(session, capture, preview=zlib.compress(bytes(10_000_000)))
    assert show_capture(session, capture.id).previews == ()


def test_an_unknown_capture_is_not_found(session: Session) -> None:
    with pytest.raises(NotFoundError):
        show_capture(session, 4711)
