"""Tasks before, after and beside another, as lines of a table."""

from __future__ import annotations

from textual.content import Content

from earthgazer_tui.fleet.models import TaskLink
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.task_mark import short_task_name, task_mark


def _state(link: TaskLink) -> Content:
    if link.state == "FUTURE":
        return Content.styled("· to come", "$text-muted")
    return task_mark(link.state) if link.state else Content("")


LINK_COLUMNS: tuple[Column[TaskLink], ...] = (
    Column("kind", "Linked", 10, lambda link: Content.styled(link.kind, "$text-muted")),
    Column("state", "State", 10, _state, sort_key=lambda link: link.state),
    Column(
        "task",
        "Task",
        None,
        lambda link: short_task_name(link.name) or "not known",
        sort_key=lambda link: link.name,
        min_width=16,
        max_width=40,
    ),
    Column("id", "Id", 8, lambda link: link.task_id[:8]),
    Column("note", "Note", None, lambda link: link.note, min_width=8),
)
