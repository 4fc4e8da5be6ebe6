"""Time series of locations, as a worker computed them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import CaptureLocationRow, LocationRow, TimeSeriesRow
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.models import SeriesPoint, TimeSeries


def series_of_capture(session: Session, capture_id: int, index: str = "ndvi") -> tuple[TimeSeries, ...]:
    """Return the newest series of each location that a capture shows; not analysed ones are left out."""
    query = (
        select(TimeSeriesRow, LocationRow.name)
        .ext(distinct_on(TimeSeriesRow.location_id))
        .join(LocationRow, LocationRow.id == TimeSeriesRow.location_id)
        .join(CaptureLocationRow, CaptureLocationRow.location_id == LocationRow.id)
        .where(CaptureLocationRow.capture_id == capture_id, TimeSeriesRow.index == index)
        .order_by(TimeSeriesRow.location_id, TimeSeriesRow.created_at.desc(), TimeSeriesRow.id.desc())
    )
    return tuple(_series(row, name) for row, name in session.execute(query))


def _series(row: TimeSeriesRow, location: str) -> TimeSeries:
    points = tuple(sorted((_point(value) for value in row.points), key=lambda point: point.sensing_time))
    trend = row.trend or {}
    return TimeSeries(
        location=sanitise.name(location),
        index=sanitise.name(row.index),
        points=points,
        slope_per_year=trend.get("slope_per_year"),
        p_value=trend.get("p_value"),
        n=int(trend.get("n") or sum(point.mean is not None for point in points)),
    )


def _point(value: Mapping[str, Any]) -> SeriesPoint:
    at = datetime.fromisoformat(value["sensing_time"])
    return SeriesPoint(
        sensing_time=at if at.tzinfo else at.replace(tzinfo=UTC),
        mean=value.get("mean"),
        valid_percent=value.get("valid_percent"),
        gap=sanitise.optional(value.get("gap")),
        capture_id=value.get("capture_id"),
    )
