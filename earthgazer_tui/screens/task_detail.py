"""One task: error, traceback and log, arguments and their source, timeline, retry."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.types import CSSPathType
from textual.widgets import Static

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.doctor import ExplainTask
from earthgazer_tui.commands.failed import DismissTasks, RevokeTasks, TerminateTasks
from earthgazer_tui.commands.retry import EditRetry, RetryTasks, ShowBulkRetry
from earthgazer_tui.commands.task_links import NextTaskPart, OpenLink
from earthgazer_tui.fleet.models import TaskDetail, TaskLink
from earthgazer_tui.screens.retrying import RetryingScreen
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.long_text import LongText
from earthgazer_tui.widgets.task_facts import copied_text, task_error, task_facts, task_title
from earthgazer_tui.widgets.task_links import LINK_COLUMNS

LINKS_SHOWN = 6
"""Lines of linked tasks; the others are scrolled to."""


class TaskDetailScreen(RetryingScreen):
    """Everything about one task; a wide terminal shows the error beside the facts."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "task_detail.tcss"]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (130, "-wide")]  # noqa: RUF012 - Textual declares it so
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        NextTaskPart,
        OpenLink,
        RetryTasks,
        EditRetry,
        RevokeTasks,
        ExplainTask,
        TerminateTasks,
        DismissTasks,
        ShowBulkRetry,
    )
    NEEDS: ClassVar[tuple[str, ...]] = ()
    IS_DETAIL: ClassVar[bool] = True

    def __init__(self, session: Session, task_id: str) -> None:
        super().__init__(session)
        self.task_id = task_id
        self.detail: TaskDetail | None = None

    def compose_body(self) -> ComposeResult:
        """Make the title, the error and the facts."""
        yield Static(id="task-title", markup=False)
        yield Lines(id="under-way")
        with VerticalScroll(id="task-parts"):
            yield LongText(id="task-error")
            yield LongText(id="task-facts")
        yield LineTable(LINK_COLUMNS, key=lambda link: link.task_id, id="links", can_mark=False)

    def on_mount(self) -> None:
        """Let the keys scroll."""
        self.query_one("#task-title", Static).update(Content.styled(f"Task {self.task_id}…", "$text-muted"))
        self._links.display = False
        self.query_one("#task-parts").focus()

    async def refresh_data(self) -> None:
        """Ask for the task and show it where anything changed."""
        detail = await self.session.fleet.task(self.task_id)
        if detail == self.detail:
            return
        self.query_one("#task-title", Static).update(task_title(detail.row))
        # Long arguments are set out and a traceback is coloured while keys go on.
        error, facts = await asyncio.to_thread(lambda: (task_error(detail), task_facts(detail)))
        self.detail = detail
        self.query_one("#task-error", LongText).update(error)
        self.query_one("#task-facts", LongText).update(facts)
        self._links.display = bool(detail.links)
        self._links.styles.height = min(len(detail.links), LINKS_SHOWN) + 1
        self._links.show_rows(detail.links)

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the task."""
        return () if self.detail is None else (self.detail.row,)

    def text_to_copy(self) -> str:
        """Return name, id, arguments, traceback and log."""
        return "" if self.detail is None else copied_text(self.detail)

    def action_next_part(self) -> None:
        """Go to the tasks linked with this one, or back to the text."""
        if self._links.display and not self._links.has_focus:
            self._links.focus()
        else:
            self.query_one("#task-parts").focus()

    def action_open_row(self) -> None:
        """Open the linked task under the cursor."""
        if self._links.has_focus:
            self._links.action_open()
        else:
            self.action_next_part()

    @on(LineTable.Opened, "#links")
    def _open(self, event: LineTable.Opened) -> None:
        link: TaskLink = event.row
        if link.state == "FUTURE":
            self.notify("This step is yet to be published.", timeout=3, markup=False)
        else:
            self.app.push_screen(TaskDetailScreen(self.session, link.task_id))

    @property
    def _links(self) -> LineTable[TaskLink]:
        return self.query_one("#links", LineTable)
