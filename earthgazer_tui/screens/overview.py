"""Overview: is it fine? One line each for workers, rates, alerts, queues, and the newest tasks."""

from __future__ import annotations

from time import monotonic
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.timer import Timer
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.overview import DiscoverAndProcess
from earthgazer_tui.commands.workers import EnableEvents
from earthgazer_tui.fleet.models import QueueDepth, Snapshot, TaskRow
from earthgazer_tui.key_hints import with_keys
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.overview_words import alert_lines, summary_lines
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.queue_cells import QUEUE_COLUMNS
from earthgazer_tui.widgets.task_mark import short_task_name, task_mark
from earthgazer_tui.wording import span

BUSY_S = 3.0
"""Least seconds between two lists of the newest tasks of a busy fleet, where every line changes."""
BUSY_PER_S = 2.0
"""Finished tasks per second from which a fleet is busy."""
MAX_ALERTS = 4
MAX_QUEUES = 6

TASK_COLUMNS: tuple[Column[TaskRow], ...] = (
    Column(
        "at",
        "Time",
        8,
        lambda task: f"{task.at:%H:%M:%S}",
        sort_key=lambda task: task.at,
        sort_descending=True,
    ),
    Column("state", "State", 10, lambda task: task_mark(task.state), sort_key=lambda task: task.state),
    Column(
        "name",
        "Task",
        None,
        lambda task: short_task_name(task.name),
        sort_key=lambda task: task.name,
        min_width=18,
        max_width=44,
    ),
    Column("capture", "Capt", 5, lambda task: str(task.capture_id or ""), align="right", priority=2),
    Column(
        "runtime",
        "Took",
        6,
        lambda task: span(task.runtime_s) if task.runtime_s else "",
        align="right",
        sort_key=lambda task: task.runtime_s,
        sort_descending=True,
    ),
    Column(
        "worker", "Worker", 14, lambda task: task.worker or "", sort_key=lambda task: task.worker, priority=1
    ),
    Column("error", "Said", None, lambda task: task.error_message or "", min_width=20, priority=3),
)


class OverviewScreen(FleetScreen):
    """Summary, alerts, queues and newest tasks; enter opens a task."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "overview.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (DiscoverAndProcess, EnableEvents)
    SNAPSHOT_S: ClassVar[float] = 1.0

    _busy_shown_at = float("-inf")
    _busy_timer: Timer | None = None

    def compose_body(self) -> ComposeResult:
        """Make the four parts, and the hint that an empty sandbox gives."""
        yield Lines(id="summary")
        yield Lines(id="alerts")
        yield LineTable(QUEUE_COLUMNS, key=lambda queue: queue.name, id="queues", has_cursor=False)
        yield Lines(id="first-steps")
        yield LineTable(
            TASK_COLUMNS,
            key=lambda task: task.task_id,
            empty="No task seen yet.",
            id="recent",
            can_mark=False,
            is_tail=True,
        )

    def on_mount(self) -> None:
        """Put the newest tasks at hand."""
        self._recent.focus()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show the fleet; what a busy fleet changes as a whole is shown less often."""
        self.query_one("#alerts", Lines).show(alert_lines(snapshot, MAX_ALERTS, self.session.keys))
        first_steps = self.query_one("#first-steps", Lines)
        first_steps.show(Content(with_keys(snapshot.first_steps, self.session.keys)))
        first_steps.display = bool(snapshot.first_steps)
        wait = self._busy_shown_at + BUSY_S - monotonic()
        if wait <= 0 or snapshot.counters.finished_per_s < BUSY_PER_S:
            self._show_busy(snapshot)
        elif self._busy_timer is None:
            self._busy_timer = self.set_timer(wait, self._show_busy)
        queues = self._queues
        queues.show_rows(_busiest(snapshot.queues))
        queues.styles.height = len(queues.rows) + 1

    def _show_busy(self, snapshot: Snapshot | None = None) -> None:
        """Show what changes as a whole with every task."""
        self._busy_timer = None
        self._busy_shown_at = monotonic()
        shown = snapshot or self.session.store.snapshot
        if shown is not None:
            self.query_one("#summary", Lines).show(summary_lines(shown, self.size.width - 2))
            self._recent.show_rows(shown.recent)

    def text_to_copy(self) -> str:
        """Return the id of the task under the cursor."""
        task = self._recent.cursor_row
        return "" if task is None else task.task_id

    @on(LineTable.Opened, "#recent")
    def _open(self, event: LineTable.Opened) -> None:
        from earthgazer_tui.screens.task_detail import TaskDetailScreen

        self.app.push_screen(TaskDetailScreen(self.session, event.row.task_id))

    @property
    def _queues(self) -> LineTable[QueueDepth]:
        return self.query_one("#queues", LineTable)

    @property
    def _recent(self) -> LineTable[TaskRow]:
        return self.query_one("#recent", LineTable)


def _busiest(queues: tuple[QueueDepth, ...]) -> list[QueueDepth]:
    """Return the queues to show, in their order: those with something in them before empty ones."""
    ranked = sorted(queues, key=lambda queue: -(queue.depth + (queue.unacked or 0)))[:MAX_QUEUES]
    kept = {queue.name for queue in ranked}
    return [queue for queue in queues if queue.name in kept]
