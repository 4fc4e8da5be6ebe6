"""The points of a time series: one per pass, gaps told as gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

from earthgazer_core.db.tables import ArtifactRow, CaptureRow
from earthgazer_core.domain.mission import mission
from earthgazer_core.raster.series import Series, TrendPoint, series

NOT_PROCESSED = "not processed"
"""A capture without an artifact of the index."""
MISSED = "no capture of this pass"
"""The satellite was due, and nothing is known of it."""
_MOST_MISSING = 50
"""A longer silence between two passes is a pause of the record, not missing passes."""


def series_of(captures: Sequence[CaptureRow], made: Mapping[int, ArtifactRow]) -> Series:
    """Return the series of an index over captures, gaps included.

    Args:
        captures: The newest version of each acquisition.
        made: The index of each capture, where there is one, by the capture's id.
    """
    points = [_point(capture, made.get(capture.id)) for capture in captures]
    return series([*points, *_missing(captures)])


def points_as_json(found: Series) -> list[dict[str, Any]]:
    """Return the points of a series as JSON values; a gap has no mean."""
    return [
        {
            "capture_id": point.capture_id,
            "sensing_time": point.sensing_time.isoformat(),
            "mean": point.mean if point.gap is None else None,
            "std": point.std if point.gap is None else None,
            "valid_percent": point.valid_percent if point.capture_id is not None else None,
            "gap": point.gap,
        }
        for point in found.points
    ]


def best_match(
    artifacts: Sequence[ArtifactRow], bbox: tuple[float, float, float, float] | None
) -> dict[int, ArtifactRow]:
    """Return for each capture its newest artifact of this crop, or else its newest of the whole scene.

    Args:
        artifacts: Of one kind, newest first.
        bbox: The crop; None for the whole scene.
    """
    found: dict[int, ArtifactRow] = {}
    for crop in (list(bbox) if bbox is not None else None, None):
        for artifact in artifacts:
            if artifact.parameters.get("bbox") == crop:
                found.setdefault(artifact.capture_id, artifact)
    return found


def _point(capture: CaptureRow, artifact: ArtifactRow | None) -> TrendPoint:
    if artifact is None or artifact.statistics is None:
        return TrendPoint(capture.sensing_time, None, 0.0, capture_id=capture.id, gap=NOT_PROCESSED)
    statistics = artifact.statistics
    return TrendPoint(
        sensing_time=capture.sensing_time,
        mean=statistics["mean"],
        valid_percent=100.0 * statistics["valid"] / statistics["total"] if statistics["total"] else 0.0,
        std=statistics["std"],
        capture_id=capture.id,
        processing_baseline=capture.processing_baseline,
    )


def _missing(captures: Sequence[CaptureRow]) -> list[TrendPoint]:
    """Return the passes between the captures of each mission of which no capture is known."""
    points = []
    for name in sorted({capture.mission for capture in captures}):
        revisit = timedelta(days=mission(name).revisit_days)
        times = sorted(capture.sensing_time for capture in captures if capture.mission == name)
        for before, after in pairwise(times):
            skipped = round((after - before) / revisit) - 1
            if skipped <= _MOST_MISSING:
                points += [
                    TrendPoint(before + number * revisit, None, 0.0, gap=MISSED)
                    for number in range(1, skipped + 1)
                ]
    return points
