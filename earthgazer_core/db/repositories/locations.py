"""Watched places: add, find, change, remove."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from earthgazer_core.db.repositories import footprints
from earthgazer_core.db.tables import LocationRow
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.errors import ConflictError, InvalidInputError, NotFoundError


def add(
    session: Session,
    *,
    name: str,
    bbox: BBox,
    from_date: date | None = None,
    to_date: date | None = None,
) -> LocationRow:
    """Return a new location, linked to the captures that are known to show it.

    Raises:
        ConflictError: the name is taken.
        InvalidInputError: the name is empty, or the dates are the wrong way round.
    """
    _check_dates(from_date, to_date)
    if not name.strip():
        raise InvalidInputError("a location needs a name")
    new_id = session.scalar(
        insert(LocationRow)
        .values(
            name=name, west=bbox.west, south=bbox.south, east=bbox.east, north=bbox.north,
            from_date=from_date, to_date=to_date,
        )
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(LocationRow.id)
    )  # fmt: skip
    if new_id is None:
        raise ConflictError(f"a location named {name!r} exists already")
    location = get(session, new_id)
    footprints.link_location(session, location)
    return location


def get(session: Session, location_id: int) -> LocationRow:
    """Return a location by its id.

    Raises:
        NotFoundError: there is none.
    """
    location = session.get(LocationRow, location_id)
    if location is None:
        raise NotFoundError(f"no location {location_id}; `earthgazer locations list` shows those that exist")
    return location


def by_name(session: Session, name: str) -> LocationRow | None:
    """Return the location of this name, None if there is none."""
    return session.scalar(select(LocationRow).where(LocationRow.name == name))


def find(
    session: Session, *, ids: Sequence[int] | None = None, active_only: bool = False
) -> list[LocationRow]:
    """Return locations by id: those named, or all.

    Raises:
        NotFoundError: an id that was named does not exist.
    """
    query = select(LocationRow).order_by(LocationRow.id)
    if ids is not None:
        query = query.where(LocationRow.id.in_(ids))
    if active_only:
        query = query.where(LocationRow.active)
    rows = list(session.scalars(query))
    missing = sorted(set(ids or ()) - {row.id for row in rows})
    if missing and not active_only:
        raise NotFoundError(f"no location {', '.join(str(number) for number in missing)}")
    return rows


def update(
    session: Session,
    location_id: int,
    *,
    name: str | None = None,
    bbox: BBox | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
    active: bool | None = None,
) -> LocationRow:
    """Return the location with what was given changed; None leaves a value as it is.

    Raises:
        NotFoundError: there is no such location.
        ConflictError: the new name is taken.
        InvalidInputError: the dates are the wrong way round.
    """
    location = get(session, location_id)
    if name is not None:
        other = by_name(session, name)
        if other is not None and other.id != location_id:
            raise ConflictError(f"a location named {name!r} exists already")
        location.name = name
    if from_date is not None:
        location.from_date = from_date
    if to_date is not None:
        location.to_date = to_date
    _check_dates(location.from_date, location.to_date)
    if active is not None:
        location.active = active
    if bbox is not None:
        location.west, location.south, location.east, location.north = bbox.as_tuple()
        location.last_discovered_at = None
        session.flush()
        footprints.unlink_location(session, location_id)
        footprints.link_location(session, location)
    session.flush()
    return location


def remove(session: Session, location_id: int) -> None:
    """Remove a location with its time series; its captures stay.

    Raises:
        NotFoundError: there is no such location.
    """
    session.delete(get(session, location_id))
    session.flush()


def mark_discovered(session: Session, location_id: int, at: datetime) -> None:
    """Keep when a catalogue was last asked about a location."""
    get(session, location_id).last_discovered_at = at


def count(session: Session) -> int:
    """Return how many locations there are."""
    return session.scalar(select(func.count()).select_from(LocationRow)) or 0


def bbox_of(location: LocationRow) -> BBox:
    """Return the rectangle of a location."""
    return BBox(location.west, location.south, location.east, location.north)


def _check_dates(from_date: date | None, to_date: date | None) -> None:
    if from_date is not None and to_date is not None and from_date > to_date:
        raise InvalidInputError(f"the first day, {from_date}, lies after the last, {to_date}")
