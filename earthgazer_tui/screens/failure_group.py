"""The tasks of one kind of failure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.doctor import ExplainTask
from earthgazer_tui.commands.failed import DismissTasks, OpenTask
from earthgazer_tui.commands.retry import EditRetry, RetryTasks, ShowBulkRetry
from earthgazer_tui.fleet.models import FailureGroup, TaskRow
from earthgazer_tui.screens.failed import COLUMNS, MOST, FailedLine
from earthgazer_tui.screens.retrying import RetryingScreen
from earthgazer_tui.screens.task_detail import TaskDetailScreen
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.failure_columns import about_group
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.task_facts import about
from earthgazer_tui.wording import clock


class FailureGroupScreen(RetryingScreen):
    """The failures of one kind as they were when it was opened; what is retried or dismissed leaves."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "failed.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        OpenTask,
        RetryTasks,
        EditRetry,
        DismissTasks,
        ExplainTask,
        ShowBulkRetry,
    )
    NEEDS: ClassVar[tuple[str, ...]] = ()
    IS_DETAIL: ClassVar[bool] = True

    def __init__(self, session: Session, group: FailureGroup) -> None:
        super().__init__(session)
        self.group = group
        self._gone: set[str] = set()

    def compose_body(self) -> ComposeResult:
        """Make the title, the list and the pane below it."""
        yield Lines(id="group-title")
        yield Lines(id="under-way")
        yield LineTable(
            COLUMNS, key=lambda line: line.task.task_id, empty="None of it is left.", id="members"
        )
        yield Lines(id="about")

    def on_mount(self) -> None:
        """Put the list at hand."""
        self.query_one("#group-title", Lines).show(
            Content.assemble((self.group.name, "bold"), "\n", about_group(self.group))
        )
        self._members.focus()

    async def refresh_data(self) -> None:
        """Show those that are failures still."""
        ids = [task_id for task_id in self.group.task_ids if task_id not in self._gone]
        rows = await self.session.fleet.tasks_of(ids[:MOST])
        left: list[TaskRow] = []
        for row in rows:
            if row.state == "FAILURE" and not row.is_dismissed:
                left.append(row)
            else:
                self._gone.add(row.task_id)
        now = datetime.now(UTC)
        lines = [FailedLine(task, clock(task.at, now)) for task in left]
        self._members.show_rows(lines, total=max(len(lines), len(ids)) if len(ids) > MOST else None)
        self._show_about()

    @property
    def matching(self) -> None:
        """A kind is no filter: what is marked here is what is loaded."""
        return None

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the chosen tasks."""
        return [line.task for line in self._members.chosen]

    def action_open_row(self) -> None:
        """Open the row under the cursor."""
        self._members.action_open()

    def text_to_copy(self) -> str:
        """Return name, id and error of the task under the cursor."""
        line = self._members.cursor_row
        return "" if line is None else f"{line.task.name} {line.task.task_id}\n{about(line.task).plain}"

    @on(LineTable.CursorMoved)
    def _show_about(self) -> None:
        line = self._members.cursor_row
        self.query_one("#about", Lines).show(Content("") if line is None else about(line.task))

    @on(LineTable.Opened)
    def _open(self, event: LineTable.Opened) -> None:
        self.app.push_screen(TaskDetailScreen(self.session, event.row.task.task_id))

    @property
    def _members(self) -> LineTable[FailedLine]:
        return self.query_one("#members", LineTable)
