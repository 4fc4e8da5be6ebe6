"""What the flight recorder keeps of chords, so that one can be rebuilt when its keys are gone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from earthgazer_core.db.tables.base import Base


class ChordRow(Base):
    """One chord, as a worker saw its keys while it was under way."""

    __tablename__ = "chords"

    group_id: Mapped[str] = mapped_column(primary_key=True)
    """Celery's id of the header."""
    size: Mapped[int | None]
    """Parts that the body waits for, later growth not counted."""
    layout: Mapped[bytes | None]
    """For a header with groups inside: Celery's own record of its shape, byte for byte."""
    is_ordered: Mapped[bool] = mapped_column(server_default="true")
    """Whether parts are kept by their place in the header, or as they come."""
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ChordPartRow(Base):
    """The part that a member's success gave to its chord, byte for byte as Celery keeps it."""

    __tablename__ = "chord_parts"
    __table_args__ = (Index("ix_chord_parts_at", "at"),)

    group_id: Mapped[str] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(primary_key=True)
    """Its index in the header; ``+inf`` where it has none."""
    part: Mapped[bytes]
    """Empty where it could not be kept: too long, or hidden and no key to seal it with."""
    is_sealed: Mapped[bool] = mapped_column(server_default="false")
    """Whether ``part`` is a Fernet token, because the result repeats a hidden argument."""
    at: Mapped[datetime]
