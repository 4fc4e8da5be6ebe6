"""Workers: pools with their true size, load, what runs on them; and every lever on them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.worker_command import Target
from earthgazer_tui.commands.worker_limits import (
    AddQueue,
    CancelQueue,
    LimitRates,
    LimitTimes,
    SwitchEventsOff,
    SwitchEventsOn,
)
from earthgazer_tui.commands.worker_pools import (
    AutoscalePool,
    GrowPool,
    ResizePool,
    RestartPools,
    ShrinkPool,
    ShutDownWorkers,
)
from earthgazer_tui.commands.workers import MarkPattern, OpenWorker, StartWorker, StopWorker
from earthgazer_tui.fleet.models import Snapshot, Worker, WorkerState
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.worker_cells import (
    changes_cell,
    load_cell,
    number_cell,
    pool_cell,
    runs_cell,
    state_cell,
    up_cell,
    worker_lines,
)
from earthgazer_tui.wording import counted, size

LEVERS: tuple[type[Command], ...] = (
    GrowPool,
    ShrinkPool,
    ResizePool,
    StartWorker,
    StopWorker,
    ShutDownWorkers,
    SwitchEventsOn,
    AutoscalePool,
    AddQueue,
    CancelQueue,
    LimitRates,
    LimitTimes,
    RestartPools,
    SwitchEventsOff,
)
"""What can be done to workers."""

_GLOB = frozenset("*?[")

COLUMNS: tuple[Column[Worker], ...] = (
    Column("state", "State", 11, state_cell, sort_key=lambda worker: list(WorkerState).index(worker.state)),
    Column(
        "name", "Worker", None, lambda worker: worker.hostname, sort_key=lambda worker: worker.hostname,
        min_width=14, max_width=34,
    ),
    Column(
        "changes", "≠", 1, changes_cell, sort_key=lambda worker: len(worker.changes), sort_descending=True
    ),
    Column("pool", "Pool", 11, pool_cell, sort_key=lambda worker: (worker.pool, worker.pool_size or 0)),
    Column(
        "busy", "Runs", 4, runs_cell, align="right", sort_key=lambda worker: worker.active,
        sort_descending=True,
    ),
    Column(
        "load", "Load", 5, load_cell, align="right", sort_key=lambda worker: worker.load or None,
        sort_descending=True,
    ),
    Column(
        "memory", "Memory", 8, lambda worker: size(worker.memory_bytes), align="right",
        sort_key=lambda worker: worker.memory_bytes, sort_descending=True,
    ),
    Column(
        "done", "Done", 7, lambda worker: number_cell(worker.processed), align="right",
        sort_key=lambda worker: worker.processed, sort_descending=True, priority=4,
    ),
    Column("prefetch", "Prefetch", 8, lambda worker: number_cell(worker.prefetch), align="right", priority=3),
    Column("up", "Up", 6, up_cell, align="right", sort_key=lambda worker: worker.uptime_s, priority=2),
    Column("queues", "Queues", None, lambda worker: ", ".join(worker.queues), min_width=14, priority=1),
)  # fmt: skip


class WorkersScreen(FleetScreen):
    """All workers, and below them what runs on the one under the cursor."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "workers.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (OpenWorker, *LEVERS, MarkPattern)
    SNAPSHOT_S: ClassVar[float] = 1.0
    CAN_FILTER: ClassVar[bool] = True
    FILTER_HINT: ClassVar[str] = "words, or a pattern of names such as cpu@*"

    def compose_body(self) -> ComposeResult:
        """Make the list and the details."""
        yield LineTable(
            COLUMNS,
            key=lambda worker: worker.hostname,
            empty="No worker has been seen.",
            id="workers",
        )
        yield Lines(id="worker")

    def on_mount(self) -> None:
        """Put the list at hand."""
        self._workers.focus()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show the workers that match."""
        text = self.filter_text
        starts = StartWorker in self.commands and snapshot.is_embedded
        hint = f" {StartWorker.shown_key(self.session.keys)} starts one." if starts else ""
        self._workers.empty = f"No worker matches {text}." if text else f"No worker has been seen.{hint}"
        self._workers.show_rows([worker for worker in snapshot.workers if matches(worker, text)])
        self._show_worker()

    async def refresh_data(self) -> None:
        """Apply the filter to what is known."""
        snapshot = self.session.store.snapshot
        if snapshot is not None:
            self.show_snapshot(snapshot)

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the marked workers, or the one under the cursor."""
        return [Target(worker, task=_task_of(worker)) for worker in self._workers.chosen]

    def text_to_copy(self) -> str:
        """Return the names of the chosen workers."""
        return "\n".join(worker.hostname for worker in self._workers.chosen)

    def action_open_row(self) -> None:
        """Open the worker under the cursor."""
        self._workers.action_open()

    def action_mark_pattern(self, pattern: str) -> None:
        """Mark the workers that match, in place of those marked before."""
        n = self._workers.mark_where(lambda worker: matches(worker, pattern))
        words = f"{counted(n, 'worker')} marked." if n else f"No worker matches {pattern}."
        self.notify(words, severity="information" if n else "warning", timeout=3, markup=False)

    @on(LineTable.Opened, "#workers")
    def _open(self, event: LineTable.Opened) -> None:
        from earthgazer_tui.screens.worker_detail import WorkerDetailScreen

        self.app.push_screen(WorkerDetailScreen(self.session, event.row))

    @on(LineTable.CursorMoved, "#workers")
    def _show_worker(self) -> None:
        worker, snapshot = self._workers.cursor_row, self.session.store.snapshot
        shown = (
            Content("")
            if worker is None or snapshot is None
            else worker_lines(worker, snapshot.taken_at, self.session.keys)
        )
        self.query_one("#worker", Lines).show(shown)

    @property
    def _workers(self) -> LineTable[Worker]:
        return self.query_one("#workers", LineTable)


def matches(worker: Worker, text: str) -> bool:
    """Return whether a worker's name matches a pattern, or what is known of it holds all words."""
    if _GLOB & set(text):
        return any(fnmatchcase(worker.hostname, pattern) for pattern in text.split())
    known = " ".join((worker.hostname, worker.state.value, worker.pool, *worker.queues)).casefold()
    return all(word in known for word in text.casefold().split())


def _task_of(worker: Worker) -> str:
    """Return the task that is most likely meant where one has to be named."""
    return worker.running[0].name if worker.running else ""
