"""Tasks: the live stream of what runs, waits and ended, newest change first."""

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
from earthgazer_tui.commands.failed import OpenTask, RevokeTasks, TerminateTasks
from earthgazer_tui.commands.retry import EditRetry, RetryTasks, ShowBulkRetry
from earthgazer_tui.fleet.models import TaskRow
from earthgazer_tui.screens.filter_help import TASKS, FilterHelp
from earthgazer_tui.screens.retrying import RetryingScreen
from earthgazer_tui.screens.task_detail import TaskDetailScreen
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.task_facts import brief
from earthgazer_tui.widgets.task_mark import short_task_name, task_mark
from earthgazer_tui.wording import clock, span

MOST = 500
"""Tasks that are loaded at once."""


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task as listed."""

    task: TaskRow
    """The task."""
    at: str
    """When it changed last."""


def _capture(line: TaskLine) -> str:
    return "" if line.task.capture_id is None else str(line.task.capture_id)


def _error(line: TaskLine) -> Content:
    task = line.task
    if task.blocked_by:
        return Content.styled(f"blocked by {task.blocked_by}", "$warning")
    words = ": ".join(part for part in (task.error_type, task.error_message) if part)
    return Content.styled(words, "$error" if task.state == "FAILURE" else "$warning")


COLUMNS: tuple[Column[TaskLine], ...] = (
    Column(
        "at", "When (UTC)", 11, lambda line: line.at, sort_key=lambda line: line.task.at, sort_descending=True
    ),
    Column(
        "state", "State", 10, lambda line: task_mark(line.task.state), sort_key=lambda line: line.task.state
    ),
    Column(
        "task",
        "Task",
        None,
        lambda line: short_task_name(line.task.name),
        sort_key=lambda line: line.task.name,
        min_width=16,
        max_width=36,
    ),
    Column("capture", "Capt", 4, _capture, align="right", sort_key=lambda line: line.task.capture_id),
    Column(
        "ran",
        "Ran",
        6,
        lambda line: "" if line.task.runtime_s is None else span(line.task.runtime_s),
        align="right",
        sort_key=lambda line: line.task.runtime_s,
        sort_descending=True,
    ),
    Column(
        "worker",
        "Worker",
        None,
        lambda line: line.task.worker or "",
        sort_key=lambda line: line.task.worker,
        min_width=10,
        max_width=26,
    ),
    Column(
        "queue",
        "Queue",
        None,
        lambda line: line.task.queue or "",
        sort_key=lambda line: line.task.queue,
        min_width=9,
        max_width=16,
        priority=2,
    ),
    Column(
        "attempt",
        "Try",
        3,
        lambda line: str(line.task.attempt),
        align="right",
        sort_key=lambda line: line.task.attempt,
        sort_descending=True,
        priority=3,
    ),
    Column("id", "Id", 8, lambda line: line.task.task_id[:8], priority=4),
    Column("error", "Error", None, _error, min_width=12),
)


class TasksScreen(RetryingScreen):
    """The stream of tasks, with the one under the cursor in full below; enter opens it."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "tasks.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        OpenTask,
        RetryTasks,
        RevokeTasks,
        EditRetry,
        ExplainTask,
        TerminateTasks,
        ShowBulkRetry,
    )
    CAN_FILTER: ClassVar[bool] = True
    FILTER_HINT: ClassVar[str] = "words  state:failed  runtime:>30  since:2h  -worker:cpu2  error:timeout"
    FILTER_HELP: ClassVar[FilterHelp] = TASKS

    def compose_body(self) -> ComposeResult:
        """Make the list and the pane below it."""
        yield Lines(id="under-way")
        yield LineTable(
            COLUMNS,
            key=lambda line: line.task.task_id,
            empty="No task has been seen, or none matches the filter.",
            id="tasks",
            is_tail=True,
        )
        yield Lines(id="about")

    def on_mount(self) -> None:
        """Put the list at hand."""
        self._tasks.focus()

    async def refresh_data(self) -> None:
        """Show the tasks that match the filter."""
        tasks = await self.session.fleet.tasks(self.filter_text, limit=MOST)
        now = datetime.now(UTC)
        lines = [TaskLine(task, clock(task.at, now)) for task in tasks]
        self._tasks.show_rows(lines, is_cut=len(tasks) >= MOST)
        self._show_about()

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the chosen tasks."""
        return [line.task for line in self._tasks.chosen]

    def action_open_row(self) -> None:
        """Open the row under the cursor."""
        self._tasks.action_open()

    def text_to_copy(self) -> str:
        """Return name and id of the task under the cursor."""
        line = self._tasks.cursor_row
        return "" if line is None else f"{line.task.name} {line.task.task_id}"

    @on(LineTable.CursorMoved, "#tasks")
    def _show_about(self) -> None:
        line = self._tasks.cursor_row
        self.query_one("#about", Lines).show(Content("") if line is None else brief(line.task))

    @on(LineTable.Opened, "#tasks")
    def _open(self, event: LineTable.Opened) -> None:
        self.app.push_screen(TaskDetailScreen(self.session, event.row.task.task_id))

    @property
    def _tasks(self) -> LineTable[TaskLine]:
        return self.query_one("#tasks", LineTable)
