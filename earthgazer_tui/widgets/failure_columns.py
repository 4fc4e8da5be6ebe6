"""Failures by kind as lines of a table, and one kind in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from textual.content import Content

from earthgazer_tui.fleet.models import FailureGroup
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.wording import clock, counted, leaf_name, utc

DEAD_LETTER = "DeadLetterError"
"""Error type of tasks that killed their processes."""


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A kind of failure as listed."""

    group: FailureGroup
    """The kind."""
    first: str
    """When the oldest failed."""
    last: str
    """When the newest failed."""


def group_line(group: FailureGroup, now: datetime) -> GroupLine:
    """Return a kind as listed."""
    return GroupLine(group, clock(group.first_at, now), clock(group.last_at, now))


def _error(line: GroupLine) -> Content:
    if line.group.is_dead:
        return Content.styled("dead letter", "bold $error")
    return Content.styled(line.group.error_type or "unknown", "$error")


GROUP_COLUMNS: tuple[Column[GroupLine], ...] = (
    Column(
        "count",
        "Count",
        5,
        lambda line: str(line.group.count),
        align="right",
        sort_key=lambda line: line.group.count,
        sort_descending=True,
    ),
    Column(
        "last", "Last (UTC)", 11, lambda line: line.last, sort_key=lambda line: line.group.last_at,
        sort_descending=True,
    ),
    Column(
        "first", "First", 11, lambda line: line.first, sort_key=lambda line: line.group.first_at, priority=1
    ),
    Column(
        "task",
        "Task",
        None,
        lambda line: leaf_name(line.group.name),
        sort_key=lambda line: line.group.name,
        min_width=12,
        max_width=26,
    ),
    Column(
        "error", "Error", None, _error, sort_key=lambda line: line.group.error_type, min_width=12,
        max_width=28,
    ),
    Column(
        "message", "Message", None, lambda line: line.group.message or line.group.sample,
        sort_key=lambda line: line.group.message, min_width=16,
    ),
)  # fmt: skip


def about_group(group: FailureGroup) -> Content:
    """Return what a kind of failure is, in two lines."""
    where = f"{group.frame} · " if group.frame else ""
    error = f"{group.error_type}: {group.sample}".strip(": ")
    told = f"{counted(group.count, 'task')} · {utc(group.first_at)} to {utc(group.last_at)} · {group.key}"
    return Content.assemble((error, "$error"), "\n", (f"{where}{told}", "$text-muted"))
