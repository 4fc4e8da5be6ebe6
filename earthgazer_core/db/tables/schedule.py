"""Periodic tasks and their runs that are due."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from earthgazer_core.db.tables.base import Base


class ScheduleEntryRow(Base):
    """One periodic task: what the code wants, what operators changed, and what was sent last."""

    __tablename__ = "schedule_entries"
    __table_args__ = (
        CheckConstraint("(interval_s IS NULL) <> (crontab IS NULL)", name="interval_or_crontab"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    task: Mapped[str]
    args: Mapped[list[Any]]
    kwargs: Mapped[dict[str, Any]]
    options: Mapped[dict[str, Any]]
    """Options of publishing: queue, expires, priority, …"""
    interval_s: Mapped[float | None]
    """Seconds between runs as the code says."""
    crontab: Mapped[str | None]
    """Or minute, hour, day of month, month and day of week, in UTC."""
    own_interval_s: Mapped[float | None]
    """Seconds between runs as an operator said; wins over both."""
    enabled: Mapped[bool] = mapped_column(server_default="true")
    next_due_at: Mapped[datetime]
    """When it is to run next; in the past until that run has been sent."""
    last_due_at: Mapped[datetime | None]
    """When the run that was sent last had been due."""
    last_sent_at: Mapped[datetime | None]
    last_task_id: Mapped[str | None]
    """The task that was sent last, by schedule or by an operator."""
    total_runs: Mapped[int] = mapped_column(server_default="0")
    publish_error: Mapped[str | None]
    """Why the last run could not be made into a message."""
    retired_at: Mapped[datetime | None]
    """Since when the code does not want it; it is kept for what operators had changed."""


class ScheduledRunRow(Base):
    """A run that is due and claimed, and that nobody has seen sent: at most one of each entry."""

    __tablename__ = "scheduled_runs"

    name: Mapped[str] = mapped_column(
        ForeignKey("earthgazer.schedule_entries.name", ondelete="CASCADE"), primary_key=True
    )
    due_at: Mapped[datetime]
    task_id: Mapped[str]
    """Derived from name and due time, so that the same run has the same id whoever sends it."""
    claimed_at: Mapped[datetime] = mapped_column(server_default=func.now())
