"""Points of a series: passes, gaps and the right artifact of each capture."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from earthgazer_core.db.tables import ArtifactRow, CaptureRow
from earthgazer_core.tasks.series import MISSED, NOT_PROCESSED, best_match, points_as_json, series_of

START = datetime(2024, 5, 1, 10, 30, tzinfo=UTC)
CROP = (1.0, 2.0, 3.0, 4.0)


def capture(number: int, days: float, mission: str = "SENTINEL-2A") -> CaptureRow:
    return CaptureRow(
        id=number, mission=mission, product_id=str(number), sensing_time=START + timedelta(days=days),
        processing_baseline="05.09",
    )  # fmt: skip


def artifact(number: int, mean: float | None, valid: int = 90, crop: Any = None) -> ArtifactRow:
    return ArtifactRow(
        id=number, key=f"key-{number}", capture_id=number, kind="ndvi", outcome="ok",
        parameters={"bbox": list(crop) if crop else None},
        statistics={"valid": valid, "total": 100, "mean": mean, "std": 0.1},
    )  # fmt: skip


def gaps(captures: list[CaptureRow], made: dict[int, ArtifactRow]) -> list[str | None]:
    return [point["gap"] for point in points_as_json(series_of(captures, made))]


def test_a_gap_has_no_mean_and_says_why() -> None:
    captures = [capture(number, 10 * number) for number in range(4)]
    made = {0: artifact(0, 0.5), 1: artifact(1, None, valid=0), 2: artifact(2, 0.9, valid=3)}
    points = points_as_json(series_of(captures, made))
    assert [point["mean"] for point in points] == [0.5, None, None, None]
    assert [point["gap"] is None for point in points] == [True, False, False, False]
    assert points[3]["gap"] == NOT_PROCESSED
    assert [point["valid_percent"] for point in points] == [90.0, 0.0, 3.0, 0.0]


def test_a_pass_that_nothing_is_known_of_is_a_gap_at_its_time() -> None:
    captures = [capture(1, 0), capture(2, 30)]
    points = points_as_json(series_of(captures, {1: artifact(1, 0.5), 2: artifact(2, 0.6)}))
    assert [point["gap"] for point in points] == [None, MISSED, MISSED, None]
    assert [point["capture_id"] for point in points] == [1, None, None, 2]
    assert points[1]["sensing_time"] == (START + timedelta(days=10)).isoformat()


def test_an_early_pass_of_another_orbit_is_no_gap() -> None:
    made = {number: artifact(number, 0.5) for number in (1, 2, 3)}
    assert gaps([capture(1, 0), capture(2, 3), capture(3, 10)], made) == [None, None, None]


def test_a_pause_of_a_year_is_not_told_as_hundreds_of_passes() -> None:
    captures = [capture(1, 0), capture(2, 3650)]
    assert len(gaps(captures, {1: artifact(1, 0.5), 2: artifact(2, 0.6)})) == 2


def test_of_two_captures_of_one_day_one_counts() -> None:
    made = {1: artifact(1, 0.1, valid=20), 2: artifact(2, 0.6, valid=95)}
    found = series_of([capture(1, 0), capture(2, 0.001)], made)
    assert [point.mean for point in found.used] == [0.6]


def test_the_crops_own_artifact_counts_before_that_of_the_whole_scene() -> None:
    whole, cropped, other = artifact(1, 0.1), artifact(1, 0.2, crop=CROP), artifact(2, 0.3)
    elsewhere = artifact(3, 0.4, crop=(5.0, 6.0, 7.0, 8.0))
    assert best_match([whole, cropped, other, elsewhere], CROP) == {1: cropped, 2: other}
    assert best_match([whole, cropped], None) == {1: whole}
