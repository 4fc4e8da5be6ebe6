"""The console's table with many tasks in it, on its driver, beside the events of a busy fleet.

``python -m tests.benchmarks.table_app ROWS [BROKER_URL]``; collects garbage and shares the processor among
threads as the console does.
"""

from __future__ import annotations

import gc
import sys
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from earthgazer_tui.__main__ import GARBAGE_THRESHOLDS, GIVE_WAY_S
from earthgazer_tui.fleet.models import TaskRow
from earthgazer_tui.screens.tasks import COLUMNS, TaskLine
from earthgazer_tui.terminal.driver import FrameDriver
from earthgazer_tui.terminal.framed_app import FramedApp
from earthgazer_tui.widgets.line_table import LineTable

WANTED = "step_7"
"""What the filter leaves."""


def row(n: int) -> TaskLine:
    """Return the task of a number."""
    at = datetime(2026, 3, 1, tzinfo=UTC) - timedelta(seconds=n)
    task = TaskRow(
        task_id=f"{n:08x}-0000-4000-8000-{n:012x}", name=f"fleet.tasks.step_{n % 12}", state="SUCCESS",
        queue="cpu_queue", worker=f"cpu{n % 20}@field", at=at, runtime_s=(n * 7919 % 100_003) / 100,
        retries=0, attempt=1, error_type=None, error_message=f"#{n:06d}", capture_id=None, run_id=None,
    )  # fmt: skip
    return TaskLine(task, at.strftime("%H:%M:%S"))


class TableApp(FramedApp[None]):
    """One table; ``r`` sorts it by run time, ``f`` filters it and ``F`` shows all again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "by_runtime"), Binding("f", f"only({WANTED!r})"), Binding("F", "only('')"),
    ]  # fmt: skip

    def __init__(self, n: int) -> None:
        super().__init__(driver_class=FrameDriver)
        self._all = [row(one) for one in range(n)]

    def compose(self) -> ComposeResult:
        """Make the table."""
        yield LineTable(COLUMNS, key=lambda line: line.task.task_id, id="tasks")

    def on_mount(self) -> None:
        """Show everything."""
        self.animation_level = "none"
        self._table.show_rows(self._all)
        self._table.focus()

    def action_by_runtime(self) -> None:
        """Sort by run time, or the other way round."""
        self._table.sort_by(next(column for column in COLUMNS if column.key == "ran"))

    def action_only(self, word: str) -> None:
        """Show the tasks whose name contains a word."""
        self._table.show_rows([line for line in self._all if word in line.task.name])

    @property
    def _table(self) -> LineTable[TaskLine]:
        return self.query_one("#tasks", LineTable)


def listen(url: str) -> None:
    """Take in the events of a fleet in a thread, as the console does."""
    from earthgazer_tui.fleet.live.events import EventStream
    from earthgazer_tui.fleet.live.events_state import EventsState
    from earthgazer_tui.fleet.live.fleet_app import fleet_app
    from earthgazer_tui.fleet.live.names import Names

    EventStream(fleet_app(url, None, None), EventsState(Names()), lambda: None).start()


def main(rows: str, url: str = "") -> None:
    """Show so many rows until the terminal is closed."""
    sys.setswitchinterval(GIVE_WAY_S)
    if url:
        listen(url)
    app = TableApp(int(rows))
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    app.run(mouse=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
