"""What of a workflow run ran when: a bar for each step on one scale of time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from textual.content import Content
from textual.events import Resize

from earthgazer_tui.fleet.models import RunDetail, RunRow
from earthgazer_tui.widgets.column import Column, lay_out
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.line_table_painter import GUTTER
from earthgazer_tui.widgets.run_tree import STEP_SIGNS, TreeStep, step_name, with_guides
from earthgazer_tui.wording import span

WAITED, RAN, GOES_ON = "░", "█", "▸"
"""Cells of a step that waited in a queue and that ran, and the last one where it still runs."""
_HEADROOM_S = 1e-3


@dataclass(frozen=True, slots=True)
class Scale:
    """Time on a line of cells."""

    begins_at: datetime
    """What the first cell's left edge stands for."""
    seconds: float
    """What all cells stand for."""
    cells: int
    """How many there are."""

    def cell(self, at: datetime) -> float:
        """Return where a moment is, in cells from the left edge."""
        return (at - self.begins_at).total_seconds() / self.seconds * self.cells


@dataclass(frozen=True, slots=True)
class GanttStep:
    """A step and its bar."""

    item: TreeStep
    """The step, with its place in the tree."""
    waited: str
    """How long it was in a queue."""
    bar: Content
    """What it did when."""


def scale_of(detail: RunDetail, cells: int, now: datetime) -> Scale:
    """Return the scale on which a whole run fits."""
    ends = [step.finished_at or now for step in detail.steps if step.started_at is not None]
    sent = [step.sent_at for step in detail.steps if step.sent_at is not None]
    begins_at = min([detail.row.created_at, *sent])
    end = max([begins_at, *ends]) if detail.row.finished_at is not None else max([now, *ends])
    return Scale(begins_at, max(_HEADROOM_S, (end - begins_at).total_seconds()), max(1, cells))


def bar_of(item: TreeStep, scale: Scale, now: datetime) -> Content:
    """Return the bar of a step: where it waited, where it ran, nothing where it is yet to be published."""
    step = item.step
    if step.started_at is None:
        if step.sent_at is None or step.state not in ("PENDING", "RECEIVED"):
            return Content("")
        first, last = _cells(scale, step.sent_at, now)
        return Content.assemble(" " * first, (WAITED * (last - first), "$text-muted"))
    _, _, style = STEP_SIGNS.get(step.state, ("?", "", "$warning"))
    first, last = _cells(scale, step.started_at, step.finished_at or now)
    begin = first if step.sent_at is None else min(first, _cells(scale, step.sent_at, step.started_at)[0])
    ran = RAN * (last - first)
    if step.finished_at is None:
        ran = ran[:-1] + GOES_ON
    return Content.assemble(
        " " * begin,
        (WAITED * (first - begin), "$text-muted"),
        (ran, f"bold {style}" if step.is_critical else style),
    )


def _cells(scale: Scale, begin: datetime, end: datetime) -> tuple[int, int]:
    """Return the first cell of a span and the one after its last: at least one, however short it was."""
    first = min(max(math.floor(scale.cell(begin)), 0), scale.cells - 1)
    return first, min(max(math.ceil(scale.cell(end)), first + 1), scale.cells)


def gantt_steps(detail: RunDetail, cells: int, now: datetime) -> list[GanttStep]:
    """Return the steps of a run with bars of so many cells."""
    scale = scale_of(detail, cells, now)
    return [
        GanttStep(item, _waited(item, now), bar_of(item, scale, now))
        for item in with_guides(detail.steps, now)
    ]


def gantt_legend(detail: RunDetail, cells: int, now: datetime) -> Content:
    """Return what the bars mean and how long a cell is."""
    scale = scale_of(detail, cells, now)
    path = [step for step in detail.steps if step.is_critical]
    ran = sum(
        max(0.0, ((step.finished_at or now) - step.started_at).total_seconds())
        for step in path
        if step.started_at
    )
    return Content.assemble(
        (f"{WAITED} waited  {RAN} ran  ◆ critical path: ", "$text-muted"),
        f"{len(path)} steps ran {span(ran)} of {span(scale.seconds)}",
        (f"; a cell is {span(scale.seconds / scale.cells)}", "$text-muted"),
    )


def _waited(item: TreeStep, now: datetime) -> str:
    step = item.step
    if step.sent_at is None:
        return ""
    if step.started_at is None and step.state not in ("PENDING", "RECEIVED"):
        return ""
    return span(max(0.0, ((step.started_at or now) - step.sent_at).total_seconds()))


COLUMNS: tuple[Column[GanttStep], ...] = (
    Column("step", "Step", None, lambda row: step_name(row.item), min_width=24, max_width=36),
    Column("bar", "When", None, lambda row: row.bar, min_width=20),
    Column("waited", "Waited", 6, lambda row: row.waited, align="right", priority=1),
    Column("time", "Ran", 6, lambda row: row.item.elapsed, align="right"),
)


class RunGantt(LineTable[GanttStep]):
    """The steps of one run, a bar each; the cursor goes over them as in the tree."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        """Make an empty chart."""
        super().__init__(
            COLUMNS,
            key=lambda row: row.item.step.task_id,
            empty="no step is known yet",
            id=id,
            can_mark=False,
        )
        self._detail: RunDetail | None = None

    @property
    def cells(self) -> int:
        """Cells that a bar has; before the chart is laid out, those that it had on the whole screen."""
        width = (self.size or self.screen.size).width - self.scrollbar_gutter.width - GUTTER
        laid_out, _ = lay_out(COLUMNS, width)
        return next(cells for column, cells in laid_out if column.key == "bar")

    def show_run(self, detail: RunDetail) -> None:
        """Show the steps of this run."""
        self._detail = detail
        self._draw()

    def legend(self) -> Content:
        """Return what the bars mean."""
        if self._detail is None:
            return Content("")
        return gantt_legend(self._detail, self.cells, _now(self._detail.row))

    def on_resize(self, event: Resize) -> None:
        """Draw the bars for the new width."""
        self._draw()

    def _draw(self) -> None:
        if self._detail is not None:
            self.show_rows(gantt_steps(self._detail, self.cells, _now(self._detail.row)))


def _now(run: RunRow) -> datetime:
    """Return the right end of the chart: a run that ended stands still."""
    return run.finished_at or datetime.now(UTC)
