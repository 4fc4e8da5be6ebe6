"""Repositories on a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from earthgazer_core.db.repositories import artifacts, captures, footprints, locations, time_series
from earthgazer_core.db.session import Database
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.capture import Asset, Capture
from earthgazer_core.errors import ConflictError, InvalidInputError, NotFoundError

HERE = BBox(10.0, 50.0, 11.0, 51.0)
CAPTURE = Capture(
    mission="SENTINEL-2A",
    product_id="S2A_one",
    sensing_time=datetime(2024, 5, 1, 10, 30, tzinfo=UTC),
    level="L2A",
    assets=(Asset("B04", "file:///b04.tif"), Asset("B08", "file:///b08.tif")),
    bbox=BBox(9.5, 49.5, 10.5, 50.5),
    processing_baseline="05.09",
    mgrs_tile="32UNA",
)


def artifact_values(capture_id: int, key: str, **changed: Any) -> dict[str, Any]:
    return {
        "key": key, "capture_id": capture_id, "kind": "ndvi", "outcome": "ok", "uri": "file:///a.tif",
        "sha256": "aa", "size_bytes": 1, "crs": None, "transform": [1, 0, 0, 0, -1, 0],
        "height": 1, "width": 1,
        "bands": ["ndvi"], "parameters": {}, "algorithm_version": "1", "statistics": None, **changed,
    }  # fmt: skip


def test_a_capture_is_taken_up_once(database: Database) -> None:
    with database.session() as session:
        first, is_new = captures.upsert(session, CAPTURE)
        assert is_new
    with database.session() as session:
        again, is_new = captures.upsert(session, replace(CAPTURE, cloud_cover_percent=12.0))
        assert not is_new
        assert again.id == first.id
        assert again.cloud_cover_percent == 12.0
        assert [asset.band for asset in again.assets] == ["B04", "B08"]


def test_adding_a_known_capture_is_a_conflict_that_names_it(database: Database) -> None:
    with database.session() as session:
        row = captures.add(session, CAPTURE)
    with pytest.raises(ConflictError, match=f"capture {row.id}"), database.session() as session:
        captures.add(session, CAPTURE)


def test_bands_that_come_later_are_added(database: Database) -> None:
    with database.session() as session:
        captures.upsert(session, CAPTURE)
        more = replace(CAPTURE, assets=(*CAPTURE.assets, Asset("SCL", "file:///scl.tif")))
        row, _ = captures.upsert(session, more)
        session.refresh(row)
        assert [asset.band for asset in row.assets] == ["B04", "B08", "SCL"]


def test_a_higher_baseline_supersedes_whichever_comes_first(database: Database) -> None:
    older = replace(CAPTURE, product_id="S2A_old", processing_baseline="02.14")
    with database.session() as session:
        new, _ = captures.upsert(session, CAPTURE)
        old, _ = captures.upsert(session, older)
        assert old.superseded_by == new.id
        assert new.superseded_by is None
        assert [row.id for row in captures.find(session, newest_versions_only=True)] == [new.id]
        newest, _ = captures.upsert(
            session, replace(CAPTURE, product_id="S2A_new", processing_baseline="05.10")
        )
        session.flush()
        known = {row.id: row.superseded_by for row in captures.find(session)}
        assert known == {old.id: newest.id, new.id: newest.id, newest.id: None}


def test_another_tile_of_the_same_moment_is_no_other_version(database: Database) -> None:
    with database.session() as session:
        one, _ = captures.upsert(session, CAPTURE)
        other = replace(CAPTURE, product_id="S2A_other", mgrs_tile="32UNB", processing_baseline="02.14")
        two, _ = captures.upsert(session, other)
        assert (one.superseded_by, two.superseded_by) == (None, None)


def test_captures_and_locations_find_each_other_in_either_order(database: Database) -> None:
    with database.session() as session:
        early = locations.add(session, name="early", bbox=HERE)
        far = locations.add(session, name="far", bbox=BBox(100.0, 0.0, 101.0, 1.0))
        row, _ = captures.upsert(session, CAPTURE)
        late = locations.add(session, name="late", bbox=HERE)
        assert captures.location_ids(session, row.id) == [early.id, late.id]
        assert [found.id for found in captures.find(session, location_id=late.id)] == [row.id]
        assert captures.find(session, location_id=far.id) == []


def test_footprints_meet_across_the_antimeridian(database: Database) -> None:
    with database.session() as session:
        row, _ = captures.upsert(session, replace(CAPTURE, bbox=BBox(179.5, -10.0, -179.5, -9.0)))
        fiji = locations.add(session, name="fiji", bbox=BBox(-179.9, -9.8, -179.0, -9.2))
        assert captures.location_ids(session, row.id) == [fiji.id]
        assert footprints.of_capture(row) == BBox(179.5, -10.0, -179.5, -9.0)


def test_a_moved_location_shows_other_captures_and_is_discovered_anew(database: Database) -> None:
    with database.session() as session:
        place = locations.add(session, name="field", bbox=BBox(100.0, 0.0, 101.0, 1.0))
        locations.mark_discovered(session, place.id, datetime.now(UTC))
        row, _ = captures.upsert(session, CAPTURE)
        assert captures.location_ids(session, row.id) == []
        locations.update(session, place.id, bbox=HERE)
        assert captures.location_ids(session, row.id) == [place.id]
        assert place.last_discovered_at is None


def test_names_of_locations_are_unique(database: Database) -> None:
    with database.session() as session:
        locations.add(session, name="one", bbox=HERE)
        two = locations.add(session, name="two", bbox=HERE)
        with pytest.raises(ConflictError):
            locations.add(session, name="one", bbox=HERE)
        with pytest.raises(ConflictError):
            locations.update(session, two.id, name="one")


def test_dates_the_wrong_way_round_are_refused(database: Database) -> None:
    with database.session() as session, pytest.raises(InvalidInputError, match="after the last"):
        locations.add(session, name="x", bbox=HERE, from_date=date(2024, 2, 1), to_date=date(2024, 1, 1))


def test_unknown_ids_are_told(database: Database) -> None:
    with database.session() as session:
        for look in (captures.get, locations.get, artifacts.get):
            with pytest.raises(NotFoundError, match="4711"):
                look(session, 4711)
        with pytest.raises(NotFoundError, match="4711"):
            captures.find(session, ids=[4711])


def test_the_first_of_two_equal_artifacts_stays_and_a_forced_one_replaces_it(database: Database) -> None:
    with database.session() as session:
        row, _ = captures.upsert(session, CAPTURE)
        first = artifacts.record(session, artifact_values(row.id, "k"))
        same = artifacts.record(session, artifact_values(row.id, "k", sha256="bb"))
        assert (same.id, same.sha256) == (first.id, "aa")
        forced = artifacts.record(session, artifact_values(row.id, "k", sha256="bb"), replace=True)
        assert (forced.id, forced.sha256) == (first.id, "bb")


def test_removing_a_location_keeps_its_captures_and_forgets_its_series(database: Database) -> None:
    with database.session() as session:
        place = locations.add(session, name="field", bbox=HERE)
        row, _ = captures.upsert(session, CAPTURE)
        values = {"key": "s", "location_id": place.id, "index": "ndvi", "points": [], "trend": None,
                  "algorithm_version": "1", "task_id": None}  # fmt: skip
        time_series.record(session, values)
        assert time_series.newest(session, place.id) is not None
        locations.remove(session, place.id)
        assert time_series.newest(session, place.id) is None
        assert captures.get(session, row.id).id == row.id
