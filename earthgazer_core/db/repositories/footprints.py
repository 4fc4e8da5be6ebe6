"""Which captures show which locations, by their rectangles in lon/lat."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import CaptureLocationRow, CaptureRow, LocationRow
from earthgazer_core.domain.bbox import BBox


def of_capture(capture: CaptureRow) -> BBox | None:
    """Return the footprint of a capture, None for files without a CRS."""
    if capture.west is None or capture.south is None or capture.east is None or capture.north is None:
        return None
    return BBox(capture.west, capture.south, capture.east, capture.north)


def link_capture(session: Session, capture: CaptureRow) -> list[int]:
    """Return the ids of the locations that a capture shows, having kept them; idempotent."""
    footprint = of_capture(capture)
    if footprint is None:
        return []
    shown = [
        location.id
        for location in session.scalars(select(LocationRow).order_by(LocationRow.id))
        if footprint.intersects(BBox(location.west, location.south, location.east, location.north))
    ]
    _link(session, ((capture.id, location_id) for location_id in shown))
    return shown


def link_location(session: Session, location: LocationRow) -> None:
    """Keep which known captures show a location; idempotent."""
    bbox = BBox(location.west, location.south, location.east, location.north)
    # latitudes never wrap, so they narrow the rows that are compared here
    candidates = session.scalars(
        select(CaptureRow).where(CaptureRow.south < bbox.north, CaptureRow.north > bbox.south)
    )
    _link(
        session,
        (
            (capture.id, location.id)
            for capture in candidates
            if (footprint := of_capture(capture)) is not None and footprint.intersects(bbox)
        ),
    )


def unlink_location(session: Session, location_id: int) -> None:
    """Forget which captures show a location."""
    session.execute(delete(CaptureLocationRow).where(CaptureLocationRow.location_id == location_id))


def _link(session: Session, pairs: Iterable[tuple[int, int]]) -> None:
    values = [{"capture_id": capture_id, "location_id": location_id} for capture_id, location_id in pairs]
    if values:
        session.execute(insert(CaptureLocationRow).values(values).on_conflict_do_nothing())
