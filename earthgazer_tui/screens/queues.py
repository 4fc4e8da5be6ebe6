"""Queues: what waits where, at which priority, who consumes it and how long it will take."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.fleet.models import QueueDepth, Snapshot
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.widgets import queue_cells as cells
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.sparkline import sparkline
from earthgazer_tui.wording import span

BAR_CELLS = 24

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
        lambda queue: str(queue.unacked),
        align="right",
        sort_key=lambda queue: queue.unacked,
        sort_descending=True,
    ),
    Column("oldest", "Oldest", 9, cells.oldest_cell, align="right"),
    Column("consumers", "Consumers", 9, cells.consumers_cell, align="right"),
    Column("in", "In/s", 5, lambda queue: cells.rate(queue.in_rate), align="right"),
    Column("out", "Out/s", 5, lambda queue: cells.rate(queue.out_rate), align="right"),
    Column("drain", "Drains in", 9, cells.drain_cell, align="right"),
    Column("priorities", "By priority", None, cells.priorities_cell, min_width=24, priority=2),
    Column("trend", "Last minutes", cells.TREND_CELLS, cells.trend_cell, priority=1),
)


class QueuesScreen(FleetScreen):
    """All queues, and below them more of the one under the cursor."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "queues.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = ()
    SNAPSHOT_S: ClassVar[float] = 1.5

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

    def on_mount(self) -> None:
        """Put the list at hand."""
        self._queues.focus()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show the queues."""
        self._queues.show_rows(snapshot.queues)
        self._show_queue()

    def text_to_copy(self) -> str:
        """Return the name of the queue under the cursor."""
        queue = self._queues.cursor_row
        return "" if queue is None else queue.name

    @on(LineTable.CursorMoved, "#queues")
    def _show_queue(self) -> None:
        queue = self._queues.cursor_row
        width = max(20, self.size.width - 4)
        self.query_one("#queue", Lines).show(Content("") if queue is None else details(queue, width))

    @property
    def _queues(self) -> LineTable[QueueDepth]:
        return self.query_one("#queues", LineTable)


def details(queue: QueueDepth, width: int) -> Content:
    """Return what there is to know of one queue, for ``width`` cells."""
    lines = [Content.styled(queue.name, "bold $primary")]
    most = max((n for _, n in queue.by_priority), default=0) or 1
    for step, n in queue.by_priority:
        bar = "█" * max(1 if n else 0, round(n / most * BAR_CELLS))
        urgency = " most urgent" if step == 0 and len(queue.by_priority) > 1 else ""
        lines.append(
            Content.assemble(
                (f"  priority {step}  ", "$text-muted"),
                f"{n:>7} ",
                (bar, "$primary"),
                (urgency, "$text-muted"),
            )
        )
    if queue.unacked:
        oldest = (
            ""
            if queue.oldest_unacked_s is None
            else f", the oldest for {cells.coarse(queue.oldest_unacked_s)}"
        )
        lines.append(
            Content(
                f"  held        {queue.unacked:>7} by workers{oldest}; "
                f"given away after {span(queue.visibility_timeout_s)}"
            )
        )
    if queue.consumers == 0:
        what = "nobody takes what waits here" if queue.depth else "what comes will wait"
        lines.append(Content.styled(f"  ! no worker consumes this queue: {what}", "bold $error"))
    if any(queue.history):
        trend = sparkline(queue.history, width - 2)
        lines.append(Content.assemble("  ", (trend, "$primary")))
        lines.append(
            Content.styled(
                f"  depth over {span(len(queue.history))}, at most {max(queue.history)}", "$text-muted"
            )
        )
    return Content("\n").join(lines)
