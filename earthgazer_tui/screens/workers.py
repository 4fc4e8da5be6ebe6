"""Workers: pools with their true size, load, what runs on them; grow, shrink, start and stop."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.workers import EnableEvents, GrowPool, ShrinkPool, StartWorker, StopWorker
from earthgazer_tui.fleet.models import RunningTask, Snapshot, Worker, WorkerState
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.queue_cells import coarse
from earthgazer_tui.widgets.stage_bar import progress_bar
from earthgazer_tui.widgets.task_mark import short_task_name
from earthgazer_tui.wording import size

STATES = {
    WorkerState.SEEN: ("●", "$success"),
    WorkerState.LATE: ("◐", "bold $warning"),
    WorkerState.LOST: ("✗", "bold $error"),
    WorkerState.STOPPED: ("○", "$text-muted"),
}
BAR_CELLS = 16


def state_cell(worker: Worker) -> Content:
    """Return what is known of a worker, with how long ago it was heard of where that matters."""
    sign, style = STATES[worker.state]
    ago = f" {coarse(worker.last_seen_s)}" if worker.state in (WorkerState.LATE, WorkerState.LOST) else ""
    return Content.styled(f"{sign} {worker.state.value}{ago}", style)


def _pool(worker: Worker) -> str:
    pool = worker.pool or "?"
    return f"{pool} {'?' if worker.pool_size is None else worker.pool_size}"


def _busy(worker: Worker) -> Content:
    return Content.styled(str(worker.active), "bold $warning" if worker.active else "$text-muted")


COLUMNS: tuple[Column[Worker], ...] = (
    Column("state", "State", 11, state_cell),
    Column("name", "Worker", None, lambda worker: worker.hostname, min_width=14, max_width=34),
    Column("pool", "Pool", 10, _pool),
    Column("busy", "Runs", 4, _busy, align="right"),
    Column("load", "Load", 5, lambda worker: f"{worker.load[0]:.1f}" if worker.load else "–", align="right"),
    Column("memory", "Memory", 8, lambda worker: size(worker.memory_bytes), align="right"),
    Column("done", "Done", 7, lambda worker: _number(worker.processed), align="right"),
    Column("prefetch", "Prefetch", 8, lambda worker: _number(worker.prefetch), align="right", priority=3),
    Column("up", "Up", 6, lambda worker: _up(worker), align="right", priority=2),
    Column("queues", "Queues", None, lambda worker: ", ".join(worker.queues), min_width=14, priority=1),
)


class WorkersScreen(FleetScreen):
    """All workers, and below them what runs on the one under the cursor."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "workers.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        GrowPool,
        ShrinkPool,
        StartWorker,
        StopWorker,
        EnableEvents,
    )
    SNAPSHOT_S: ClassVar[float] = 1.0

    def compose_body(self) -> ComposeResult:
        """Make the list and the details."""
        yield LineTable(
            COLUMNS,
            key=lambda worker: worker.hostname,
            empty="No worker has been seen. N starts one of the embedded stack.",
            id="workers",
            can_mark=False,
        )
        yield Lines(id="worker")

    def on_mount(self) -> None:
        """Put the list at hand."""
        self._workers.focus()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show the workers."""
        self._workers.show_rows(snapshot.workers)
        self._show_worker()

    def text_to_copy(self) -> str:
        """Return the name of the worker under the cursor."""
        worker = self._workers.cursor_row
        return "" if worker is None else worker.hostname

    @on(LineTable.CursorMoved, "#workers")
    def _show_worker(self) -> None:
        worker, snapshot = self._workers.cursor_row, self.session.store.snapshot
        shown = Content("") if worker is None or snapshot is None else details(worker, snapshot.taken_at)
        self.query_one("#worker", Lines).show(shown)

    @property
    def _workers(self) -> LineTable[Worker]:
        return self.query_one("#workers", LineTable)


def details(worker: Worker, now: datetime) -> Content:
    """Return what there is to know of one worker at one moment."""
    local = f", local worker {worker.local_name}" if worker.local_name else ""
    lines = [
        Content.assemble((worker.hostname, "bold $primary"), (local, "$text-muted")),
        Content.assemble(("  consumes  ", "$text-muted"), ", ".join(worker.queues) or "nothing"),
    ]
    if worker.resize_refusal:
        lines.append(Content.assemble(("  + and -   ", "$text-muted"), worker.resize_refusal))
    if worker.running:
        lines += [_running(task, now) for task in worker.running]
    else:
        more = f"{worker.active} tasks that it hasn't named" if worker.active else "nothing"
        lines.append(Content.assemble(("  runs      ", "$text-muted"), more))
    return Content("\n").join(lines)


def _running(task: RunningTask, now: datetime) -> Content:
    """Return one running task with its progress."""
    elapsed = "" if task.started_at is None else coarse(max(0.0, (now - task.started_at).total_seconds()))
    bar = Content(" " * (BAR_CELLS + 5))
    if task.percent is not None:
        bar = progress_bar(task.percent, BAR_CELLS) + f"{task.percent:4.0f}%"
    return Content.assemble(
        ("  ▸ ", "$warning"),
        bar,
        f"  {short_task_name(task.name)}",
        (f"  {task.stage}  {elapsed}", "$text-muted"),
    )


def _number(value: int | None) -> str:
    return "–" if value is None else str(value)


def _up(worker: Worker) -> str:
    return "–" if worker.uptime_s is None else coarse(worker.uptime_s) if worker.uptime_s >= 60 else "<1m"
