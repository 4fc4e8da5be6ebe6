"""Schedule: periodic tasks, when they ran and will run; run now, switch, change the interval."""

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
from earthgazer_tui.commands.schedule import ChangeInterval, OpenLastRun, RunScheduled, ToggleScheduled
from earthgazer_tui.fleet.models import PeriodicTask
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.task_detail import TaskDetailScreen
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.task_mark import short_task_name, task_mark
from earthgazer_tui.wording import age, clock, span


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    """A periodic task as listed: what depends on the time of day is worked out once a look."""

    entry: PeriodicTask
    """The periodic task."""
    following: str
    """When it runs next."""
    last: str
    """When it ran last."""


def schedule_line(entry: PeriodicTask, now: datetime) -> ScheduleLine:
    """Return a periodic task as listed."""
    following = "off" if entry.next_run_at is None else clock(entry.next_run_at, now)
    if entry.is_late:
        following = f"LATE {age(entry.next_run_at, now).removesuffix(' ago')}"
    return ScheduleLine(entry, following, clock(entry.last_run_at, now))


def _next(line: ScheduleLine) -> Content:
    style = "bold $error" if line.entry.is_late else "" if line.entry.is_enabled else "$text-muted"
    return Content.styled(line.following, style)


def _switch(line: ScheduleLine) -> Content:
    return (
        Content.styled("● on", "$success") if line.entry.is_enabled else Content.styled("○ off", "$warning")
    )


def _timing(line: ScheduleLine) -> Content:
    changed = line.entry.is_changed
    return Content.styled(line.entry.timing + (" *" if changed else ""), "$accent" if changed else "")


def _outcome(line: ScheduleLine) -> Content:
    entry = line.entry
    if entry.last_state is None:
        word = entry.last_error or ("" if entry.last_task_id is None else "not recorded")
        return Content.styled(word, "$error" if entry.last_error else "$text-muted")
    ran = f" {span(entry.last_runtime_s)}" if entry.last_runtime_s is not None else ""
    return Content.assemble(
        task_mark(entry.last_state), (ran, "$text-muted"), f" {entry.last_error}".rstrip()
    )


COLUMNS: tuple[Column[ScheduleLine], ...] = (
    Column("switch", "Sent", 5, _switch, sort_key=lambda line: line.entry.is_enabled),
    Column(
        "name", "Name", None, lambda line: line.entry.name, sort_key=lambda line: line.entry.name,
        min_width=16, max_width=34,
    ),
    Column("timing", "When", None, _timing, min_width=13, max_width=22),
    Column("next", "Next (UTC)", 11, _next, sort_key=lambda line: line.entry.next_run_at),
    Column(
        "last", "Last (UTC)", 11, lambda line: line.last, sort_key=lambda line: line.entry.last_run_at,
        sort_descending=True,
    ),
    Column("outcome", "Outcome", None, _outcome, sort_key=lambda line: line.entry.last_state, min_width=13),
    Column(
        "runs", "Runs", 6, lambda line: str(line.entry.total_runs), align="right",
        sort_key=lambda line: line.entry.total_runs, sort_descending=True, priority=1,
    ),
    Column(
        "task", "Task", None, lambda line: short_task_name(line.entry.task), min_width=16, max_width=34,
        priority=2,
    ),
)  # fmt: skip


class ScheduleScreen(FleetScreen):
    """All periodic tasks, with the one under the cursor in full below; enter opens its last run."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "schedule.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        OpenLastRun,
        RunScheduled,
        ToggleScheduled,
        ChangeInterval,
    )
    NEEDS: ClassVar[tuple[str, ...]] = ("database",)
    WITHOUT_DATABASE: ClassVar[str] = "beat keeps another schedule, which nobody but beat can read"

    def compose_body(self) -> ComposeResult:
        """Make the list and the pane below it."""
        yield LineTable(
            COLUMNS,
            key=lambda line: line.entry.name,
            empty="The schedule is empty: beat writes it when it runs for the first time.",
            id="schedule",
        )
        yield Lines(id="entry")

    def on_mount(self) -> None:
        """Put the list at hand."""
        self._schedule.focus()

    async def refresh_data(self) -> None:
        """Show the schedule."""
        entries = await self.session.fleet.schedule()
        now = datetime.now(UTC)
        self._schedule.show_rows([schedule_line(entry, now) for entry in entries])
        self._show_entry()

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the chosen entries."""
        return [line.entry for line in self._schedule.chosen]

    def action_open_row(self) -> None:
        """Open the row under the cursor."""
        self._schedule.action_open()

    def text_to_copy(self) -> str:
        """Return name and last task of the entry under the cursor."""
        line = self._schedule.cursor_row
        return "" if line is None else f"{line.entry.name} {line.entry.last_task_id or ''}".rstrip()

    @on(LineTable.CursorMoved, "#schedule")
    def _show_entry(self) -> None:
        line = self._schedule.cursor_row
        self.query_one("#entry", Lines).show(Content("") if line is None else details(line))

    @on(LineTable.Opened, "#schedule")
    def _open(self, event: LineTable.Opened) -> None:
        task_id = event.row.entry.last_task_id
        if task_id is None:
            self.notify("It has not run yet.", timeout=3, markup=False)
        else:
            self.app.push_screen(TaskDetailScreen(self.session, task_id))

    @property
    def _schedule(self) -> LineTable[ScheduleLine]:
        return self.query_one("#schedule", LineTable)


def details(line: ScheduleLine) -> Content:
    """Return what there is to know of one periodic task."""
    entry = line.entry
    changed = f", changed by an operator; by the code {entry.code_timing}" if entry.is_changed else ""
    lines = [
        Content.assemble((entry.name, "bold $primary"), f"  {entry.task}"),
        Content.assemble(("  when  ", "$text-muted"), entry.timing, (changed, "$accent")),
        Content.assemble(("  next  ", "$text-muted"), _next(line)),
        Content.assemble(
            ("  last  ", "$text-muted"),
            " ".join(part for part in (line.last, entry.last_task_id) if part),
            "  ",
            _outcome(line) if entry.last_state or entry.last_error else "",
        ),
    ]
    if entry.is_late:
        lines.append(
            Content.styled("  ! due and not sent: does beat run, and can it reach the broker?", "bold $error")
        )
    return Content("\n").join(lines)
