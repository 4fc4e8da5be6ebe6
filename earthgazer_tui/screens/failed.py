"""Failed: what failed and why, and retry from the keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.doctor import ExplainTask
from earthgazer_tui.commands.failed import DismissTasks, OpenTask, RetryTasks, RevokeTasks, TerminateTasks
from earthgazer_tui.fleet.models import TaskRow
from earthgazer_tui.screens.explaining import ExplainingScreen
from earthgazer_tui.screens.filter_help import TASKS, FilterHelp
from earthgazer_tui.screens.task_detail import TaskDetailScreen
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.task_facts import about
from earthgazer_tui.wording import clock, leaf_name

MOST = 500
"""Failures that are loaded at once."""


@dataclass(frozen=True, slots=True)
class FailedLine:
    """A failed task as listed."""

    task: TaskRow
    """The task."""
    at: str
    """When it failed."""


def _error(line: FailedLine) -> Content:
    task = line.task
    if task.blocked_by:
        return Content.styled("blocked", "$warning")
    if task.error_type:
        return Content.styled(task.error_type, "$error")
    return Content.styled(task.state.lower(), "$warning")


def _message(line: FailedLine) -> Content:
    if line.task.blocked_by:
        return Content(f"by {line.task.blocked_by}")
    return Content(line.task.error_message or "")


def _capture(line: FailedLine) -> str:
    return "" if line.task.capture_id is None else str(line.task.capture_id)


COLUMNS: tuple[Column[FailedLine], ...] = (
    Column(
        "at", "When (UTC)", 11, lambda line: line.at, sort_key=lambda line: line.task.at, sort_descending=True
    ),
    Column(
        "task",
        "Task",
        None,
        lambda line: leaf_name(line.task.name),
        sort_key=lambda line: line.task.name,
        min_width=14,
        max_width=26,
    ),
    Column("capture", "Capt", 4, _capture, align="right", sort_key=lambda line: line.task.capture_id),
    Column(
        "attempt",
        "Try",
        3,
        lambda line: str(line.task.attempt),
        align="right",
        sort_key=lambda line: line.task.attempt,
        sort_descending=True,
    ),
    Column(
        "error", "Error", None, _error, sort_key=lambda line: line.task.error_type, min_width=16, max_width=28
    ),
    Column("message", "Message", None, _message, sort_key=lambda line: line.task.error_message, min_width=20),
)


class FailedScreen(ExplainingScreen):
    """The list of failures, with the one under the cursor in full below; enter opens it."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "failed.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        OpenTask,
        RetryTasks,
        DismissTasks,
        RevokeTasks,
        ExplainTask,
        TerminateTasks,
    )
    NEEDS: ClassVar[tuple[str, ...]] = ("database",)
    WITHOUT_DATABASE: ClassVar[str] = (
        "these are the failures that events told of since the console was started"
    )
    CAN_FILTER: ClassVar[bool] = True
    FILTER_HINT: ClassVar[str] = "words  name:ndvi  error:timeout  capture:7  since:2h  -worker:cpu2"
    FILTER_HELP: ClassVar[FilterHelp] = TASKS

    def compose_body(self) -> ComposeResult:
        """Make the list and the pane below it."""
        yield LineTable(COLUMNS, key=lambda line: line.task.task_id, empty="Nothing has failed.", id="failed")
        yield Lines(id="about")

    def on_mount(self) -> None:
        """Put the list at hand."""
        self._failed.focus()

    async def refresh_data(self) -> None:
        """Show the failures that match the filter."""
        tasks = await self.session.fleet.failed(self.filter_text, limit=MOST)
        now = datetime.now(UTC)
        snapshot = self.session.store.snapshot
        is_cut = len(tasks) >= MOST
        counted = snapshot.badges.failed if is_cut and snapshot is not None and not self.filter_text else None
        lines = [FailedLine(task, clock(task.at, now)) for task in tasks]
        self._failed.show_rows(lines, total=counted, is_cut=is_cut)
        self._show_about()

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the chosen tasks."""
        return [line.task for line in self._failed.chosen]

    def action_open_row(self) -> None:
        """Open the row under the cursor."""
        self._failed.action_open()

    def text_to_copy(self) -> str:
        """Return name, id and error of the task under the cursor."""
        line = self._failed.cursor_row
        return "" if line is None else f"{line.task.name} {line.task.task_id}\n{about(line.task).plain}"

    @on(LineTable.CursorMoved, "#failed")
    def _show_about(self) -> None:
        line = self._failed.cursor_row
        self.query_one("#about", Lines).show(Content("") if line is None else about(line.task))

    @on(LineTable.Opened, "#failed")
    def _open(self, event: LineTable.Opened) -> None:
        self.app.push_screen(TaskDetailScreen(self.session, event.row.task.task_id))

    @property
    def _failed(self) -> LineTable[FailedLine]:
        return self.query_one("#failed", LineTable)
