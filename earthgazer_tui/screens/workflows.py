"""Workflows: runs that go on and runs of late, each with its progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.workflows import CancelRun, OpenRun, ResumeRun
from earthgazer_tui.fleet.models import RunRow
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.run_detail import RunDetailScreen
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.run_facts import run_progress, run_state, run_steps
from earthgazer_tui.wording import clock, span

MOST = 200
"""Runs that are loaded at once."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as listed: what of it depends on the time of day is worked out once a look."""

    run: RunRow
    """The run."""
    started: str
    """When it was made."""
    elapsed: str
    """How long it took, or has been going on."""
    elapsed_s: float
    """The same in seconds."""


def run_line(run: RunRow, now: datetime) -> RunLine:
    """Return a run as listed."""
    elapsed_s = max(0.0, ((run.finished_at or now) - run.created_at).total_seconds())
    return RunLine(run, clock(run.created_at, now), span(elapsed_s), elapsed_s)


COLUMNS: tuple[Column[RunLine], ...] = (
    Column("state", "State", 11, lambda line: run_state(line.run), sort_key=lambda line: line.run.state),
    Column(
        "name",
        "Workflow",
        None,
        lambda line: line.run.name,
        sort_key=lambda line: line.run.name,
        min_width=16,
        max_width=40,
    ),
    Column(
        "subject",
        "Of",
        None,
        lambda line: line.run.subject,
        sort_key=lambda line: line.run.subject,
        min_width=11,
        max_width=30,
    ),
    Column(
        "progress",
        "Progress",
        12,
        lambda line: run_progress(line.run, 6),
        sort_key=lambda line: line.run.percent,
    ),
    Column("steps", "Steps", 12, lambda line: run_steps(line.run), sort_key=lambda line: line.run.total),
    Column(
        "started",
        "Made (UTC)",
        11,
        lambda line: line.started,
        sort_key=lambda line: line.run.created_at,
        sort_descending=True,
        priority=1,
    ),
    Column(
        "elapsed",
        "Time",
        6,
        lambda line: line.elapsed,
        align="right",
        sort_key=lambda line: line.elapsed_s,
        sort_descending=True,
    ),
)


class WorkflowsScreen(FleetScreen):
    """The list of runs; enter opens one as a tree."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "workflows.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        OpenRun,
        ResumeRun,
        CancelRun,
    )
    NEEDS: ClassVar[tuple[str, ...]] = ("database",)
    WITHOUT_DATABASE: ClassVar[str] = (
        "runs are known from the flight recorder, which writes to one; {mode.tasks|7} shows tasks"
    )
    CAN_FILTER: ClassVar[bool] = True
    FILTER_HINT: ClassVar[str] = "words, state:failed, capture:12, runtime:>1m, since:2h, -name:reprocess"

    def compose_body(self) -> ComposeResult:
        """Make the list."""
        yield LineTable(
            COLUMNS,
            key=lambda line: line.run.run_id,
            empty="No workflow has run yet. P on a capture starts one.",
            id="runs",
        )

    def on_mount(self) -> None:
        """Put the list at hand."""
        self._runs.focus()

    async def refresh_data(self) -> None:
        """Show the runs that match the filter."""
        runs = await self.session.fleet.runs(self.filter_text, limit=MOST)
        now = datetime.now(UTC)
        self._runs.show_rows([run_line(run, now) for run in runs], is_cut=len(runs) >= MOST)

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the chosen runs."""
        return [line.run for line in self._runs.chosen]

    def action_open_row(self) -> None:
        """Open the row under the cursor."""
        self._runs.action_open()

    def text_to_copy(self) -> str:
        """Return the id of the run under the cursor."""
        line = self._runs.cursor_row
        return "" if line is None else line.run.run_id

    @on(LineTable.Opened, "#runs")
    def _open(self, event: LineTable.Opened) -> None:
        self.app.push_screen(RunDetailScreen(self.session, event.row.run))

    @property
    def _runs(self) -> LineTable[RunLine]:
        return self.query_one("#runs", LineTable)
