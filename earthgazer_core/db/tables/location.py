"""A place that is watched."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from earthgazer_core.db.tables.base import Base


class LocationRow(Base):
    """A watched place: a rectangle in lon/lat and the dates that matter."""

    __tablename__ = "locations"
    __table_args__ = (CheckConstraint("south < north", name="south_below_north"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    west: Mapped[float]
    south: Mapped[float]
    east: Mapped[float]
    north: Mapped[float]
    from_date: Mapped[date | None]
    to_date: Mapped[date | None]
    active: Mapped[bool] = mapped_column(server_default="true")
    last_discovered_at: Mapped[datetime | None]
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CaptureLocationRow(Base):
    """Which captures show which locations; many to many."""

    __tablename__ = "capture_locations"

    capture_id: Mapped[int] = mapped_column(
        ForeignKey("earthgazer.captures.id", ondelete="CASCADE"), primary_key=True
    )
    location_id: Mapped[int] = mapped_column(
        ForeignKey("earthgazer.locations.id", ondelete="CASCADE"), primary_key=True, index=True
    )
