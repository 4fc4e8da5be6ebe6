"""One workflow run, its steps yet to come included: as a tree, or by time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.types import CSSPathType
from textual.widgets import ContentSwitcher

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.failed import RevokeTasks, TerminateTasks
from earthgazer_tui.commands.retry import RetryTasks
from earthgazer_tui.commands.workflows import CancelRun, NextRunView, OpenStep, ResumeThisRun
from earthgazer_tui.fleet.models import RunDetail, RunRow, RunStep, TaskRow
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.task_detail import TaskDetailScreen
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.run_facts import run_title
from earthgazer_tui.widgets.run_gantt import GanttStep, RunGantt
from earthgazer_tui.widgets.run_tree import RunTree
from earthgazer_tui.wording import span

TASK_COMMANDS = (RetryTasks, RevokeTasks, TerminateTasks)
"""Commands that work on the step under the cursor, not on the run."""


def task_of(step: RunStep, run_id: str) -> TaskRow:
    """Return a published step as a line of a list of tasks."""
    kind, _, message = step.error.partition(": ")
    return TaskRow(
        task_id=step.task_id,
        name=step.name,
        state=step.state,
        queue=None,
        worker=None,
        at=step.finished_at or step.started_at or step.sent_at or datetime.now(UTC),
        runtime_s=None,
        retries=0,
        attempt=1,
        error_type=kind or None,
        error_message=message or None,
        capture_id=step.capture_id,
        run_id=run_id,
    )


class RunDetailScreen(FleetScreen):
    """The steps of a run; enter opens the task of a step, tab goes between tree and chart."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "workflows.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        OpenStep,
        NextRunView,
        RetryTasks,
        ResumeThisRun,
        CancelRun,
        RevokeTasks,
        TerminateTasks,
    )
    NEEDS: ClassVar[tuple[str, ...]] = ("database",)
    IS_DETAIL: ClassVar[bool] = True

    def __init__(self, session: Session, run: RunRow) -> None:
        super().__init__(session)
        self.run_row = run
        self._detail: RunDetail | None = None

    def compose_body(self) -> ComposeResult:
        """Make the title, the tree, and the chart in the same place."""
        yield Lines(id="run-title")
        with ContentSwitcher(initial="tree"):
            yield RunTree(id="tree")
            yield RunGantt(id="gantt")
        yield Lines(id="run-legend")

    def on_mount(self) -> None:
        """Put the tree at hand."""
        self._show_title()
        self.query_one(RunTree).focus()
        self.query_one("#run-legend", Lines).display = False

    async def refresh_data(self) -> None:
        """Show the run as it is now."""
        detail = await self.session.fleet.run(self.run_row.run_id)
        self.run_row, self._detail = detail.row, detail
        self._show_title()
        self._show_steps()

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the run, or for commands on tasks the step under the cursor."""
        if not issubclass(command, TASK_COMMANDS):
            return (self.run_row,)
        step = self.step
        return () if step is None or step.state == "FUTURE" else (task_of(step, self.run_row.run_id),)

    def action_open_row(self) -> None:
        """Open the row under the cursor."""
        self._table().action_open()

    def action_next_view(self) -> None:
        """Show the run by time, or as a tree again; the cursor stays on its step."""
        step, switcher = self.step, self.query_one(ContentSwitcher)
        switcher.current = "gantt" if switcher.current == "tree" else "tree"
        self.query_one("#run-legend", Lines).display = switcher.current == "gantt"
        self._table().focus()
        # At once: the next key may be one that acts on the step under the cursor.
        self._show_steps(step)
        # The width, and with it what a cell is, is known only once the chart was laid out.
        self.call_after_refresh(self._show_steps)

    def text_to_copy(self) -> str:
        """Return the id of the step under the cursor."""
        return "" if self.step is None else self.step.task_id

    @property
    def step(self) -> RunStep | None:
        """The step under the cursor."""
        row = self._table().cursor_row
        if row is None:
            return None
        return row.item.step if isinstance(row, GanttStep) else row.step

    def _table(self) -> LineTable[Any]:
        return self.query_one(f"#{self.query_one(ContentSwitcher).current}", LineTable)

    def _show_steps(self, step: RunStep | None = None) -> None:
        if self._detail is None:
            return
        self.query_one(RunTree).show_steps(self._detail.steps)
        gantt = self.query_one(RunGantt)
        if self._table() is gantt:
            gantt.show_run(self._detail)
            self.query_one("#run-legend", Lines).show(gantt.legend())
        if step is not None:
            self._table().move_cursor(step.task_id)

    def _show_title(self) -> None:
        run = self.run_row
        elapsed = span(((run.finished_at or datetime.now(UTC)) - run.created_at).total_seconds())
        self.query_one("#run-title", Lines).show(run_title(run, elapsed))

    @on(LineTable.Opened)
    def _open(self, event: LineTable.Opened) -> None:
        step = self.step
        if step is None:
            return
        if step.state == "FUTURE":
            self.notify("This step is yet to be published.", timeout=3, markup=False)
        else:
            self.app.push_screen(TaskDetailScreen(self.session, step.task_id))
