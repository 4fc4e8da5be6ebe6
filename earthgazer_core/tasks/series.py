"""The points of a time series: one per pass, gaps told as gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from earthgazer_core.db.tables import ArtifactRow, CaptureRow
from earthgazer_core.domain.artifact import Outcome
from earthgazer_core.domain.mission import mission

CLEAR_PERCENT = 10.0
"""With a smaller share of valid pixels a mean says more about the clouds than about the place."""
_MOST_MISSING = 50
"""Longer silences between two passes are a pause of the record, not missing passes."""


@dataclass(frozen=True, slots=True)
class Point:
    """One pass over a place."""

    capture_id: int | None
    """The capture; None for a pass that no capture is known of."""
    sensing_time: datetime
    """When it was sensed, or should have been."""
    mean: float | None
    """Mean of the index; None in a gap."""
    std: float | None
    """Its standard deviation; None in a gap."""
    valid_percent: float | None
    """Share of valid pixels; None where nothing was computed."""
    gap: str | None
    """``no_clear_pixels``, ``too_cloudy``, ``not_processed`` or ``missing_pass``; None where there is a mean."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "sensing_time": self.sensing_time.isoformat()}


def points_of(captures: Sequence[CaptureRow], made: Mapping[int, ArtifactRow]) -> list[Point]:
    """Return the points of a series in time order.

    Of several captures of one mission on one day the clearest counts: they are the same pass, cut into
    tiles or delivered twice, and are never averaged.

    Args:
        captures: The newest version of each acquisition.
        made: The index of each capture, where there is one, by the capture's id.
    """
    passes: dict[tuple[str, object], list[Point]] = {}
    for capture in captures:
        day = capture.sensing_time.date()
        passes.setdefault((capture.mission, day), []).append(_point(capture, made.get(capture.id)))
    seen = [max(points, key=_clearness) for points in passes.values()]
    return sorted([*seen, *_missing(captures)], key=lambda point: point.sensing_time)


def best_match(
    artifacts: Sequence[ArtifactRow], bbox: tuple[float, float, float, float] | None
) -> dict[int, ArtifactRow]:
    """Return for each capture its newest artifact of this crop, or else its newest of the whole scene.

    Args:
        artifacts: Of one kind, newest first.
        bbox: The crop; None for the whole scene.
    """
    found: dict[int, ArtifactRow] = {}
    wanted = list(bbox) if bbox is not None else None
    for crop in dict.fromkeys((None if wanted is None else tuple(wanted), None)):
        for artifact in artifacts:
            its_crop = artifact.parameters.get("bbox")
            if (None if its_crop is None else tuple(its_crop)) == crop:
                found.setdefault(artifact.capture_id, artifact)
    return found


def _point(capture: CaptureRow, artifact: ArtifactRow | None) -> Point:
    if artifact is None or artifact.statistics is None:
        return Point(capture.id, capture.sensing_time, None, None, None, "not_processed")
    statistics = artifact.statistics
    percent = 100.0 * statistics["valid"] / statistics["total"] if statistics["total"] else 0.0
    gap = None
    if artifact.outcome == Outcome.NO_CLEAR_PIXELS:
        gap = "no_clear_pixels"
    elif percent < CLEAR_PERCENT:
        gap = "too_cloudy"
    mean, std = (statistics["mean"], statistics["std"]) if gap is None else (None, None)
    return Point(capture.id, capture.sensing_time, mean, std, percent, gap)


def _clearness(point: Point) -> tuple[bool, float]:
    return point.gap is None, point.valid_percent if point.valid_percent is not None else -1.0


def _missing(captures: Sequence[CaptureRow]) -> list[Point]:
    """Return the passes between the captures of each mission that no capture is known of."""
    points = []
    for name in sorted({capture.mission for capture in captures}):
        revisit = timedelta(days=mission(name).revisit_days)
        times = sorted(capture.sensing_time for capture in captures if capture.mission == name)
        for before, after in zip(times, times[1:], strict=False):
            skipped = round((after - before) / revisit) - 1
            if skipped <= _MOST_MISSING:
                points += [
                    Point(None, before + number * revisit, None, None, None, "missing_pass")
                    for number in range(1, skipped + 1)
                ]
    return points
