"""Artifacts and time series."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from earthgazer_core.db.tables.base import Base


class ArtifactRow(Base):
    """A file made from one capture, with what a console shows of it."""

    __tablename__ = "artifacts"
    __table_args__ = (Index("ix_artifacts_capture_id_kind", "capture_id", "kind", "created_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """sha256 of input checksums, kind, parameters and algorithm version."""
    capture_id: Mapped[int] = mapped_column(ForeignKey("earthgazer.captures.id", ondelete="CASCADE"))
    kind: Mapped[str]
    outcome: Mapped[str]
    """``ok`` or ``no_clear_pixels``."""
    uri: Mapped[str]
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    crs: Mapped[str | None]
    """``EPSG:32629`` or WKT; NULL for files without one."""
    transform: Mapped[list[Any]]
    """Affine a, b, c, d, e, f in units of the CRS."""
    height: Mapped[int]
    width: Mapped[int]
    bands: Mapped[list[Any]]
    """Names of the bands, in the file's order."""
    parameters: Mapped[dict[str, Any]]
    """What it was made with: bands, bounds, offset decision with its reason, mask, …"""
    algorithm_version: Mapped[str]
    statistics: Mapped[dict[str, Any] | None]
    """See :meth:`earthgazer_core.domain.statistics.Statistics.as_json`; NULL for several bands."""
    preview: Mapped[bytes | None]
    """zlib of width * height * 4 bytes RGBA, row by row from the top; alpha 0 is no data."""
    preview_width: Mapped[int | None]
    preview_height: Mapped[int | None]
    task_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TimeSeriesRow(Base):
    """The index of one location, or of some captures, over time."""

    __tablename__ = "time_series"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """sha256 of location, index, captures and algorithm version."""
    location_id: Mapped[int | None] = mapped_column(
        ForeignKey("earthgazer.locations.id", ondelete="CASCADE"), index=True
    )
    index: Mapped[str]
    """``ndvi``, …"""
    points: Mapped[list[Any]]
    """[{capture_id, sensing_time, mean, std, valid_percent, gap}]; ``gap`` is NULL or the reason."""
    trend: Mapped[dict[str, Any] | None]
    """{slope_per_year, intercept, p_value, r2, n, theil_sen_per_year, kendall_tau}; NULL if too few."""
    algorithm_version: Mapped[str]
    task_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
