"""The task that puts the index of a place into a series over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from celery import shared_task
from sqlalchemy.orm import Session

from earthgazer_core.db.repositories import artifacts, captures, locations, time_series
from earthgazer_core.db.tables import CaptureRow, TimeSeriesRow
from earthgazer_core.domain.progress import Progress
from earthgazer_core.tasks.base import EarthGazerTask

Box = tuple[float, float, float, float]


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.cpu.temporal_analysis")
def temporal_analysis_task(
    self: EarthGazerTask,
    location_ids: Sequence[int] | None = None,
    capture_ids: Sequence[int] | None = None,
    bounds: Sequence[float] | None = None,
    index: str = "ndvi",
) -> dict[str, Any]:
    """Make the series of an index, with its trend and its gaps, and return what each came to.

    Args:
        location_ids: One series for each of these locations.
        capture_ids: Instead of locations: one series for each location that these captures show, or, where
            they show none, one of these captures themselves.
        bounds: Crop whose artifacts count; None means each location's own rectangle.
        index: Name of the index.
    """
    from earthgazer_core.raster.indices import index_named
    from earthgazer_core.tasks.products import bbox_of

    name = index_named(index).name
    box = bbox_of(bounds)
    crop = box.as_tuple() if box is not None else None
    made = []
    with self.resources.database.session() as session:
        places = list(location_ids) if location_ids is not None else _shown_by(session, capture_ids or ())
        if location_ids is None and capture_ids and not places:
            own = captures.find(session, ids=capture_ids)
            made.append(_keep(session, self, None, own, name, crop))
        for done, location in enumerate(locations.find(session, ids=places)):
            self.progress()(Progress(f"analysing {location.name}", done, len(places)))
            shown = captures.find(session, location_id=location.id, newest_versions_only=True)
            its_crop = crop or locations.bbox_of(location).as_tuple()
            made.append(_keep(session, self, location.id, shown, name, its_crop))
        return {"series": [_described(row) for row in made]}


def _shown_by(session: Session, capture_ids: Sequence[int]) -> list[int]:
    found = {place for one in capture_ids for place in captures.location_ids(session, one)}
    return sorted(found)


def _keep(
    session: Session,
    task: EarthGazerTask,
    location_id: int | None,
    rows: Sequence[CaptureRow],
    index: str,
    crop: Box | None,
) -> TimeSeriesRow:
    from earthgazer_core.tasks.keys import ALGORITHM_VERSION, content_key
    from earthgazer_core.tasks.series import best_match, points_as_json, series_of

    known = artifacts.find(session, capture_ids=[row.id for row in rows], kind=index)
    chosen = best_match(known, crop)
    found = series_of(rows, chosen)
    return time_series.record(
        session,
        {
            "key": content_key(
                "series",
                {
                    "location": location_id,
                    "captures": {
                        str(row.id): chosen[row.id].key if row.id in chosen else None for row in rows
                    },
                },
                {"index": index, "bbox": list(crop) if crop else None},
            ),
            "location_id": location_id,
            "index": index,
            "points": points_as_json(found),
            "trend": found.trend.as_json() if found.trend is not None else None,
            "algorithm_version": ALGORITHM_VERSION,
            "task_id": task.request.id,
        },
    )


def _described(row: TimeSeriesRow) -> dict[str, Any]:
    gaps: dict[str, int] = {}
    for point in row.points:
        if point["gap"] is not None:
            gaps[point["gap"]] = gaps.get(point["gap"], 0) + 1
    return {
        "series_id": row.id,
        "location_id": row.location_id,
        "index": row.index,
        "dates": sum(point["gap"] is None for point in row.points),
        "gaps": gaps,
        "trend": row.trend,
    }
