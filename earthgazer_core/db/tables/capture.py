"""Captures and their assets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from earthgazer_core.db.tables.base import Base


class CaptureRow(Base):
    """One acquisition by one mission; see :class:`earthgazer_core.domain.capture.Capture`."""

    __tablename__ = "captures"
    __table_args__ = (
        UniqueConstraint("mission", "product_id"),
        Index("ix_captures_sensing_time", "sensing_time"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mission: Mapped[str]
    product_id: Mapped[str]
    sensing_time: Mapped[datetime]
    level: Mapped[str]
    reference_level: Mapped[str]
    processing_baseline: Mapped[str | None]
    cloud_cover_percent: Mapped[float | None]
    west: Mapped[float | None]
    south: Mapped[float | None]
    east: Mapped[float | None]
    north: Mapped[float | None]
    mgrs_tile: Mapped[str | None]
    wrs_path: Mapped[int | None]
    wrs_row: Mapped[int | None]
    source: Mapped[str]
    collection: Mapped[str | None]
    offset_already_applied: Mapped[bool | None]
    is_simulated: Mapped[bool] = mapped_column(server_default="false")
    mask_policy: Mapped[str] = mapped_column(server_default="auto")
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", server_default="{}")
    backed_up_at: Mapped[datetime | None]
    downloaded_at: Mapped[datetime | None]
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())
    superseded_by: Mapped[int | None] = mapped_column(
        ForeignKey("earthgazer.captures.id", ondelete="SET NULL")
    )
    """The same acquisition at a newer processing baseline; NULL for the newest."""

    assets: Mapped[list[AssetRow]] = relationship(
        back_populates="capture", cascade="all, delete-orphan", order_by="AssetRow.band"
    )


class AssetRow(Base):
    """One file of a capture: where it comes from, its backup and its local copy."""

    __tablename__ = "assets"
    __table_args__ = (UniqueConstraint("capture_id", "band"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    capture_id: Mapped[int] = mapped_column(ForeignKey("earthgazer.captures.id", ondelete="CASCADE"))
    band: Mapped[str]
    href: Mapped[str]
    scale: Mapped[float | None]
    offset: Mapped[float | None]
    nodata: Mapped[float | None]
    promised_sha256: Mapped[str | None]
    promised_size_bytes: Mapped[int | None]
    sha256: Mapped[str | None]
    """Digest of the bytes that we hold, set with the first verified copy."""
    size_bytes: Mapped[int | None]
    backup_uri: Mapped[str | None]
    backed_up_at: Mapped[datetime | None]

    capture: Mapped[CaptureRow] = relationship(back_populates="assets")
