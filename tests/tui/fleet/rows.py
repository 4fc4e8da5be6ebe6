"""Rows for tests that read the database: what a pipeline would have written."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from earthgazer_core.db.tables import (
    ArtifactRow,
    AssetRow,
    CaptureLocationRow,
    CaptureRow,
    LocationRow,
    TaskExecutionRow,
    TimeSeriesRow,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def location(session: Session, name: str = "field", **values: Any) -> LocationRow:
    row = LocationRow(name=name, west=10.0, south=50.0, east=11.0, north=51.0, **values)
    session.add(row)
    session.flush()
    return row


def capture(
    session: Session, *places: LocationRow, sensing_time: datetime = NOW - timedelta(days=2), **values: Any
) -> CaptureRow:
    defaults: dict[str, Any] = {
        "mission": "SENTINEL-2A",
        "product_id": f"S2A_{sensing_time:%Y%m%dT%H%M%S}",
        "level": "L2A",
        "reference_level": "BOA",
        "source": "sandbox",
        "cloud_cover_percent": 12.5,
    }
    row = CaptureRow(sensing_time=sensing_time, **{**defaults, **values})
    session.add(row)
    session.flush()
    session.add_all(CaptureLocationRow(capture_id=row.id, location_id=place.id) for place in places)
    session.add(AssetRow(capture_id=row.id, band="B04", href="https://user:pw@host/B04.tif", size_bytes=10))
    session.flush()
    session.expire(row)
    return row


def artifact(session: Session, of: CaptureRow, kind: str = "ndvi", **values: Any) -> ArtifactRow:
    defaults: dict[str, Any] = {
        "key": f"{of.id}-{kind}-{values.get('created_at', '')}",
        "outcome": "ok",
        "uri": "s3://key:secret@bucket/a.tif",
        "sha256": "0" * 64,
        "size_bytes": 1000,
        "crs": "EPSG:32618",
        "transform": [10, 0, 0, 0, -10, 0],
        "height": 3,
        "width": 2,
        "bands": [kind],
        "parameters": {},
        "algorithm_version": "1",
        "statistics": statistics() if kind == "ndvi" else None,
        "preview": zlib.compress(bytes(range(24))),
        "preview_width": 2,
        "preview_height": 3,
        "created_at": NOW - timedelta(days=1),
    }
    row = ArtifactRow(capture_id=of.id, kind=kind, **{**defaults, **values})
    session.add(row)
    session.flush()
    return row


def statistics(mean: float | None = 0.5) -> dict[str, Any]:
    return {
        "valid": 50, "total": 100, "mean": mean, "std": 0.1, "min": 0.0, "max": 1.0,
        "p02": 0.1, "p50": 0.5, "p98": 0.9, "below": 0, "above": 0,
        "histogram": {"edges": [-1.0, 0.0, 1.0], "counts": [10, 40]},
    }  # fmt: skip


def execution(session: Session, task_id: str, **values: Any) -> TaskExecutionRow:
    defaults: dict[str, Any] = {
        "name": "earthgazer.cpu.compute_ndvi",
        "state": "SUCCESS",
        "sent_at": NOW - timedelta(hours=1),
        "updated_at": NOW,
    }
    row = TaskExecutionRow(task_id=task_id, **{**defaults, **values})
    session.add(row)
    session.flush()
    return row


def series(session: Session, of: LocationRow, **values: Any) -> TimeSeriesRow:
    points = [
        {"capture_id": 2, "sensing_time": "2026-11-10T00:00:00+00:00", "mean": None, "valid_percent": 0.0,
         "gap": "no clear \x1b[31mpixels"},
        {"capture_id": 1, "sensing_time": "2026-11-01T00:00:00+00:00", "mean": 0.4, "valid_percent": 80.0,
         "gap": None},
    ]  # fmt: skip
    defaults: dict[str, Any] = {
        "key": f"series-{of.id}",
        "index": "ndvi",
        "points": points,
        "trend": {"slope_per_year": 0.1, "p_value": 0.04, "n": 1},
        "algorithm_version": "1",
    }
    row = TimeSeriesRow(location_id=of.id, **{**defaults, **values})
    session.add(row)
    session.flush()
    return row
