"""One workflow run as a tree of steps, those yet to come included."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.workflows import CancelRun, OpenStep
from earthgazer_tui.fleet.models import RunRow
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.task_detail import TaskDetailScreen
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.run_facts import run_title
from earthgazer_tui.widgets.run_tree import RunTree
from earthgazer_tui.wording import span


class RunDetailScreen(FleetScreen):
    """The tree of a run; enter opens the task of a step."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "workflows.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        OpenStep,
        CancelRun,
    )
    NEEDS: ClassVar[tuple[str, ...]] = ("database",)
    IS_DETAIL: ClassVar[bool] = True

    def __init__(self, session: Session, run: RunRow) -> None:
        super().__init__(session)
        self.run_row = run

    def compose_body(self) -> ComposeResult:
        """Make the title and the tree."""
        yield Lines(id="run-title")
        yield RunTree()

    def on_mount(self) -> None:
        """Put the tree at hand."""
        self._show_title()
        self.query_one(RunTree).focus()

    async def refresh_data(self) -> None:
        """Show the run as it is now."""
        detail = await self.session.fleet.run(self.run_row.run_id)
        self.run_row = detail.row
        self._show_title()
        self.query_one(RunTree).show_steps(detail.steps)

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the run."""
        return (self.run_row,)

    def action_open_row(self) -> None:
        """Open the row under the cursor."""
        self.query_one(RunTree).action_open()

    def text_to_copy(self) -> str:
        """Return the id of the step under the cursor."""
        item = self.query_one(RunTree).cursor_row
        return "" if item is None else item.step.task_id

    def _show_title(self) -> None:
        run = self.run_row
        elapsed = span(((run.finished_at or datetime.now(UTC)) - run.created_at).total_seconds())
        self.query_one("#run-title", Lines).show(run_title(run, elapsed))

    @on(LineTable.Opened)
    def _open(self, event: LineTable.Opened) -> None:
        step = event.row.step
        if step.state == "FUTURE":
            self.notify("This step is yet to be published.", timeout=3, markup=False)
        else:
            self.app.push_screen(TaskDetailScreen(self.session, step.task_id))
