"""How fresh each watched place is: what it should have by now, and why it has not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import ArtifactRow, CaptureLocationRow, LocationRow
from earthgazer_core.db.tables import CaptureRow as CaptureTable
from earthgazer_core.domain.artifact import ArtifactKind
from earthgazer_core.domain.mission import MISSIONS
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.captures import list_captures
from earthgazer_tui.fleet.models import CaptureRow, Freshness

PUBLICATION_DELAY = timedelta(days=1)
"""Within this after a pass its product is usually there."""
PATIENCE = timedelta(days=2)
"""Beyond this after it was due, what is missing deserves an alert."""

_URGENCY = ("failed", "overdue", "not discovered", "not published", "too cloudy", "waiting", "ok")


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of one place."""

    location_id: int
    """Its id."""
    name: str
    """Its name."""
    to_date: datetime | None
    """End of the dates that matter."""
    discovered_at: datetime | None
    """When the catalogue was last searched for it."""
    newest: CaptureRow | None
    """Its newest capture."""
    success_at: datetime | None
    """When its newest NDVI was made."""
    next_expected: datetime | None
    """First pass after the newest acquisition; None where no mission is known."""


def list_freshness(session: Session, now: datetime | None = None) -> tuple[Freshness, ...]:
    """Return how fresh each active location is, most urgent first."""
    now = now or datetime.now(UTC)
    rows = [freshness_of(watched, now) for watched in _watched(session)]
    return tuple(sorted(rows, key=lambda row: (not row.is_overdue, _URGENCY.index(row.status), row.name)))


def freshness_of(watched: Watched, now: datetime) -> Freshness:
    """Return whether a place has what it should have by now, and the reason if not."""
    status, reason, is_overdue = _judge(watched, now)
    newest = watched.newest
    due = watched.next_expected
    if due is not None and watched.to_date is not None and due > watched.to_date:
        due = None
    return Freshness(
        location_id=watched.location_id,
        name=watched.name,
        last_sensing_time=newest.sensing_time if newest is not None else None,
        last_success_at=watched.success_at,
        next_expected=due,
        status=status,
        reason=reason,
        is_overdue=is_overdue,
    )


def _judge(watched: Watched, now: datetime) -> tuple[str, str, bool]:
    newest, searched = watched.newest, watched.discovered_at
    if newest is None:
        if searched is None:
            return "not discovered", "the catalogue was never searched for it", False
        return "not published", f"the catalogue had nothing when searched on {searched:%Y-%m-%d %H:%M}", False
    day = f"{newest.sensing_time:%Y-%m-%d}"
    if newest.outcome == "failed":
        what = next(stage.stage for stage in newest.stages if stage.state == "failed")
        return "failed", f"{what.replace('_', ' ')} of {day} failed: see capture {newest.capture_id}", True
    if newest.activity:
        return "waiting", f"{day}: {newest.activity}", False
    late = _lateness(watched, now)
    if late is not None:
        return late
    if newest.outcome == "no_clear_pixels":
        return "too cloudy", f"not one clear pixel on {day}", False
    if not newest.outcome:
        return "waiting", f"{day} is discovered and not processed yet", False
    if watched.to_date is not None and watched.to_date < now:
        return "ok", f"watched until {watched.to_date:%Y-%m-%d}", False
    return "ok", f"NDVI of {day}", False


def _lateness(watched: Watched, now: datetime) -> tuple[str, str, bool] | None:
    """Return what is wrong if a pass should be in the catalogue and isn't here; None if none should."""
    due = watched.next_expected
    if due is None or (watched.to_date is not None and due > watched.to_date):
        return None
    published = due + PUBLICATION_DELAY
    if now < published:
        return None
    searched = watched.discovered_at
    is_overdue = now > published + PATIENCE
    if searched is None or searched < published:
        return (
            "not discovered",
            f"pass of {due:%Y-%m-%d} was due; the catalogue was not searched since",
            is_overdue,
        )
    told = f"pass of {due:%Y-%m-%d} is not in the catalogue, searched on {searched:%Y-%m-%d %H:%M}"
    return ("overdue" if is_overdue else "not published"), told, is_overdue


def _watched(session: Session) -> Sequence[Watched]:
    places = session.scalars(select(LocationRow).where(LocationRow.active).order_by(LocationRow.name)).all()
    passes: dict[int, list[datetime]] = {}
    query = (
        select(
            CaptureLocationRow.location_id,
            CaptureTable.mission,
            func.max(CaptureTable.sensing_time).label("sensed"),
            func.max(ArtifactRow.created_at).label("made"),
        )
        .join(CaptureTable, CaptureTable.id == CaptureLocationRow.capture_id)
        .outerjoin(
            ArtifactRow, (ArtifactRow.capture_id == CaptureTable.id) & (ArtifactRow.kind == ArtifactKind.NDVI)
        )
        .group_by(CaptureLocationRow.location_id, CaptureTable.mission)
    )
    made: dict[int, datetime] = {}
    sensed: dict[int, datetime] = {}
    for row in session.execute(query):
        sensed[row.location_id] = max(row.sensed, sensed.get(row.location_id, row.sensed))
        if row.made is not None:
            made[row.location_id] = max(row.made, made.get(row.location_id, row.made))
        if (mission := MISSIONS.get(row.mission)) is not None:
            passes.setdefault(row.location_id, []).append(row.sensed + timedelta(days=mission.revisit_days))
    newest_query = (
        select(CaptureLocationRow.location_id, CaptureTable.id)
        .ext(distinct_on(CaptureLocationRow.location_id))
        .join(CaptureTable, CaptureTable.id == CaptureLocationRow.capture_id)
        .where(CaptureTable.superseded_by.is_(None))
        .order_by(CaptureLocationRow.location_id, CaptureTable.sensing_time.desc(), CaptureTable.id.desc())
    )
    newest_ids = dict(session.execute(newest_query).all())
    captures = {
        row.capture_id: row for row in list_captures(session, capture_ids=list(set(newest_ids.values())))
    }
    return [
        Watched(
            location_id=place.id,
            name=sanitise.name(place.name),
            to_date=datetime.combine(place.to_date, time.max, UTC) if place.to_date is not None else None,
            discovered_at=place.last_discovered_at,
            newest=captures.get(newest_ids.get(place.id, -1)),
            success_at=made.get(place.id),
            next_expected=_after(sensed.get(place.id), passes.get(place.id, [])),
        )
        for place in places
    ]


def _after(sensed: datetime | None, passes: Sequence[datetime]) -> datetime | None:
    """Return the first pass after the newest acquisition.

    A satellite that was not heard of for long - it was retired, or its passes were not wanted - says
    nothing about the next pass of the others.
    """
    return min((at for at in passes if sensed is None or at > sensed), default=None)
