"""The task that asks the catalogue for new captures of watched places."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from celery import shared_task

from earthgazer_core.catalog import open_catalog
from earthgazer_core.db.repositories import captures, locations
from earthgazer_core.db.tables import LocationRow
from earthgazer_core.domain.capture import Capture
from earthgazer_core.domain.mission import mission
from earthgazer_core.domain.progress import Progress
from earthgazer_core.tasks.base import EarthGazerTask
from earthgazer_core.tasks.resources import Resources

LOOK_BACK = timedelta(days=120)
"""How far a location without a first day is looked at: a growing season."""
LOOK_AGAIN = timedelta(days=45)
"""How far before the last discovery: providers publish late, and reprocess."""


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.io.discover_images")
def discover_images_task(
    self: EarthGazerTask, location_ids: Sequence[int] | None = None, mission_filter: str | None = None
) -> list[int]:
    """Take up what the catalogue has of watched places and return the ids of the captures that are new.

    Idempotent: what is known already is not new. Either all locations are taken up or, on an error, none.

    Args:
        location_ids: Locations to look at; None means every active one.
        mission_filter: Name of the one mission wanted.
    """
    resources = self.resources
    missions = (mission(mission_filter).name,) if mission_filter else None
    progress = self.progress()
    watched = _watched(resources, location_ids)
    found: dict[int, list[Capture]] = {}
    asked_at = datetime.now(UTC)
    with_catalog = open_catalog(resources.settings.catalog, resources.settings.storage.data_path)
    for done, location in enumerate(watched):
        progress(Progress(f"searching for {location.name}", done, len(watched)))
        start, end = search_span(location, asked_at)
        found[location.id] = list(
            with_catalog.search(locations.bbox_of(location), start, end, missions=missions)
        )
    progress(Progress("saving", len(watched), len(watched)))
    new_ids = []
    with resources.database.session() as session:
        for location in watched:
            for capture in found[location.id]:
                row, is_new = captures.upsert(session, capture)
                if is_new:
                    new_ids.append(row.id)
            locations.mark_discovered(session, location.id, asked_at)
    return new_ids


def search_span(location: LocationRow, now: datetime) -> tuple[datetime, datetime | None]:
    """Return the first and the last moment, None for now, for which a location's captures are asked."""
    start = (
        datetime.combine(location.from_date, time.min, UTC)
        if location.from_date is not None
        else now - LOOK_BACK
    )
    if location.last_discovered_at is not None:
        start = max(start, location.last_discovered_at - LOOK_AGAIN)
    end = datetime.combine(location.to_date, time.max, UTC) if location.to_date is not None else None
    return start, end


def _watched(resources: Resources, location_ids: Sequence[int] | None) -> list[LocationRow]:
    with resources.database.session() as session:
        is_untouched = location_ids is None and locations.count(session) == 0
        if is_untouched and resources.settings.catalog.kind == "sandbox":
            from earthgazer_core.catalog.sandbox import SANDBOX_LOCATION

            name, bbox = SANDBOX_LOCATION
            locations.add(session, name=name, bbox=bbox)
        return locations.find(session, ids=location_ids, active_only=location_ids is None)
