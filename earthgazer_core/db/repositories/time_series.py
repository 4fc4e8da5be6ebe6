"""Series of an index over time: record and find."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import TimeSeriesRow


def record(session: Session, values: dict[str, Any]) -> TimeSeriesRow:
    """Return the series of ``values["key"]``; a second computation of the same inputs replaces the first."""
    statement = insert(TimeSeriesRow).values(values)
    changed = {name: statement.excluded[name] for name in values if name != "key"}
    session.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_={**changed, "created_at": func.now()})
    )
    return session.scalars(
        select(TimeSeriesRow)
        .where(TimeSeriesRow.key == values["key"])
        .execution_options(populate_existing=True)
    ).one()


def newest(session: Session, location_id: int, index: str = "ndvi") -> TimeSeriesRow | None:
    """Return the newest series of a location, None if none was computed."""
    return session.scalar(
        select(TimeSeriesRow)
        .where(TimeSeriesRow.location_id == location_id, TimeSeriesRow.index == index)
        .order_by(TimeSeriesRow.created_at.desc(), TimeSeriesRow.id.desc())
        .limit(1)
    )
