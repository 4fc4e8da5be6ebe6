"""Queues: what waits where, at which priority, who consumes it and how long it will take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.events import Resize
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.queues import (
    MoveAll,
    OpenQueue,
    PauseQueue,
    PurgeQueue,
    QueueChoice,
    ResumeQueue,
)
from earthgazer_tui.fleet.models import QueueDepth, QueueHour, ServiceState, Snapshot
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.queue_detail import QueueDetailScreen
from earthgazer_tui.widgets import queue_cells as cells
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.depth_plot import DepthPlot
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.queue_facts import queue_facts

TALL = 34
"""Lines from which the last hour is a plot rather than a row of bars."""

COLUMNS: tuple[Column[QueueDepth], ...] = (
    Column("name", "Queue", None, lambda queue: queue.name, sort_key=lambda queue: queue.name, max_width=30),
    Column(
        "depth",
        "Waiting",
        8,
        cells.depth_cell,
        align="right",
        sort_key=lambda queue: queue.depth,
        sort_descending=True,
    ),
    Column(
        "unacked",
        "Held",
        5,
        cells.held_cell,
        align="right",
        sort_key=lambda queue: queue.unacked,
        sort_descending=True,
    ),
    Column(
        "oldest",
        "Oldest",
        9,
        cells.oldest_cell,
        align="right",
        sort_key=lambda queue: queue.oldest_unacked_s,
        sort_descending=True,
    ),
    Column("timed", "ETA", 3, lambda queue: str(queue.timed or "–"), align="right", priority=1),
    Column("consumers", "Consumers", 9, cells.consumers_cell, align="right"),
    Column("in", "In/s", 5, lambda queue: cells.rate(queue.in_rate), align="right"),
    Column("out", "Out/s", 5, lambda queue: cells.rate(queue.out_rate), align="right"),
    Column("drain", "Drains in", 9, cells.drain_cell, align="right"),
    Column("priorities", "By priority", None, cells.priorities_cell, min_width=24, priority=3),
    Column("trend", "Last minutes", cells.TREND_CELLS, cells.trend_cell, priority=2),
)


class QueuesScreen(FleetScreen):
    """All queues, and below them more of the one under the cursor; enter looks into it."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "queues.tcss"]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (TALL, "-tall")]  # noqa: RUF012 - Textual declares it so
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        OpenQueue,
        PauseQueue,
        ResumeQueue,
        MoveAll,
        PurgeQueue,
    )
    SNAPSHOT_S: ClassVar[float] = 1.5

    hour: QueueHour | None = None
    """The last hour of the queue under the cursor."""

    def compose_body(self) -> ComposeResult:
        """Make the list and the details."""
        yield LineTable(
            COLUMNS,
            key=lambda queue: queue.name,
            empty="No queue is known to the broker yet; the first message or worker makes one.",
            id="queues",
            can_mark=False,
        )
        yield Lines(id="queue")
        yield DepthPlot()

    def on_mount(self) -> None:
        """Put the list at hand."""
        self._queues.focus()

    def on_resize(self, event: Resize) -> None:
        """Draw for the new size."""
        self._show_queue()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show the queues."""
        self._queues.show_rows(snapshot.queues)
        self._show_queue()

    def is_answered(self, snapshot: Snapshot) -> bool:
        """Return whether the broker told of its queues: it may be there before they were looked at."""
        was_looked = snapshot.badges.queues is not None or snapshot.broker.state is not ServiceState.UP
        return super().is_answered(snapshot) and (was_looked or snapshot.replay is not None)

    async def refresh_data(self) -> None:
        """Ask for the last hour of the queue under the cursor."""
        queue = self._queues.cursor_row
        if queue is not None:
            self.hour = await self.session.fleet.queue_hour(queue.name)
            self._show_queue()

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the queue under the cursor."""
        queue = self._queues.cursor_row
        if queue is None:
            return ()
        others = tuple(one.name for one in self._queues.rows if one.name != queue.name)
        return (QueueChoice(queue.name, queue, others),)

    def action_open_row(self) -> None:
        """Look into the queue under the cursor."""
        self._queues.action_open()

    def text_to_copy(self) -> str:
        """Return the name of the queue under the cursor."""
        queue = self._queues.cursor_row
        return "" if queue is None else queue.name

    @on(LineTable.CursorMoved, "#queues")
    def _look_at_queue(self) -> None:
        self._show_queue()
        self._poll()

    def _show_queue(self) -> None:
        queue, snapshot = self._queues.cursor_row, self.session.store.snapshot
        plot, lines = self.query_one(DepthPlot), self.query_one("#queue", Lines)
        if queue is None or snapshot is None:
            lines.show(Content(""))
            plot.hour = None
            return
        hour = self.hour if self.hour is not None and self.hour.queue == queue.name else None
        is_tall = self.size.height >= TALL
        width = max(20, self.size.width - 4)
        lines.show(
            queue_facts(queue, hour, snapshot.taken_at, width, with_trend=not is_tall, keys=self.session.keys)
        )
        plot.hour = hour if is_tall else None

    @on(LineTable.Opened, "#queues")
    def _open(self, event: LineTable.Opened) -> None:
        self.app.push_screen(QueueDetailScreen(self.session, event.row.name))

    @property
    def _queues(self) -> LineTable[QueueDepth]:
        return self.query_one("#queues", LineTable)
