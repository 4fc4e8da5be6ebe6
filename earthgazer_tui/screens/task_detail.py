"""One task: error and traceback, arguments and their source, timeline, retry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.types import CSSPathType
from textual.widgets import Static

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.doctor import ExplainTask
from earthgazer_tui.commands.failed import DismissTasks, RetryTasks, RevokeTasks, TerminateTasks
from earthgazer_tui.fleet.models import TaskDetail
from earthgazer_tui.screens.explaining import ExplainingScreen
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.task_facts import copied_text, task_error, task_facts, task_title


class TaskDetailScreen(ExplainingScreen):
    """Everything about one task; a wide terminal shows the error beside the facts."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "task_detail.tcss"]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (130, "-wide")]  # noqa: RUF012 - Textual declares it so
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        RetryTasks,
        RevokeTasks,
        ExplainTask,
        TerminateTasks,
        DismissTasks,
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
        with VerticalScroll(id="task-parts"):
            yield Static(id="task-error", markup=False)
            yield Static(id="task-facts", markup=False)

    def on_mount(self) -> None:
        """Let the keys scroll."""
        self.query_one("#task-title", Static).update(Content.styled(f"Task {self.task_id}…", "$text-muted"))
        self.query_one("#task-parts").focus()

    async def refresh_data(self) -> None:
        """Ask for the task and show it where anything changed."""
        detail = await self.session.fleet.task(self.task_id)
        if detail == self.detail:
            return
        self.detail = detail
        self.query_one("#task-title", Static).update(task_title(detail.row))
        self.query_one("#task-error", Static).update(task_error(detail))
        self.query_one("#task-facts", Static).update(task_facts(detail))

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the task."""
        return () if self.detail is None else (self.detail.row,)

    def text_to_copy(self) -> str:
        """Return name, id, arguments and traceback."""
        return "" if self.detail is None else copied_text(self.detail)
