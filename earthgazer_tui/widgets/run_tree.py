"""The steps of a workflow run as a tree, those yet to come included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from textual.content import Content

from earthgazer_tui.fleet.models import RunStep
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.stage_bar import progress_bar
from earthgazer_tui.widgets.task_mark import TASK_MARKS
from earthgazer_tui.wording import leaf_name, span

STEP_SIGNS = TASK_MARKS | {"FUTURE": ("·", "to come", "$text-disabled")}
"""Sign, word and style of each state."""


CRITICAL = "◆"
"""Stands behind the steps that the run's duration hung on."""


@dataclass(frozen=True, slots=True)
class TreeStep:
    """A step and the lines that join it to its parent."""

    step: RunStep
    """The step."""
    guide: str
    """Box-drawing characters left of its name."""
    elapsed: str
    """How long it took, or has been running."""


def with_guides(steps: Sequence[RunStep], now: datetime) -> list[TreeStep]:
    """Return the steps, which come in tree order, each with its guide lines."""
    guides: list[str] = [""] * len(steps)
    open_levels: set[int] = set()
    for place in range(len(steps) - 1, -1, -1):
        depth = steps[place].depth
        if depth:
            bars = "".join("│ " if level in open_levels else "  " for level in range(1, depth))
            guides[place] = bars + ("├ " if depth in open_levels else "└ ")
        open_levels = {level for level in open_levels if level < depth} | {depth}
    return [TreeStep(step, guide, _elapsed(step, now)) for step, guide in zip(steps, guides, strict=True)]


def _elapsed(step: RunStep, now: datetime) -> str:
    if step.started_at is None:
        return ""
    return span(((step.finished_at or now) - step.started_at).total_seconds())


def step_name(item: TreeStep) -> Content:
    """Return a step's guide, sign and name; dimmed where it is yet to come."""
    step = item.step
    sign, _, style = STEP_SIGNS.get(step.state, ("?", "", "$warning"))
    name_style = "$text-disabled" if step.state == "FUTURE" else ""
    return Content.assemble(
        (item.guide, "$text-disabled"),
        (f"{sign} ", style),
        (leaf_name(step.name), name_style),
        (f" #{step.capture_id}" if step.capture_id is not None else "", "$text-muted"),
        (f" {CRITICAL}" if step.is_critical else "", "$accent"),
    )


def step_state(item: TreeStep) -> Content:
    """Return a step's state in a word."""
    _, word, style = STEP_SIGNS.get(item.step.state, ("?", item.step.state.lower(), "$warning"))
    return Content.styled(word, style)


def step_progress(item: TreeStep) -> Content:
    """Return a bar with its share while a step runs; for a chord, how many of its header are done."""
    step = item.step
    if step.percent is not None and step.state in ("STARTED", "PROGRESS"):
        return Content.assemble(progress_bar(step.percent, 6), f" {step.percent:3.0f}%")
    return Content("{} of {}".format(*step.joined) if step.joined else "")


def step_note(item: TreeStep) -> Content:
    """Return a step's error in one line, or what it is doing."""
    if item.step.error:
        return Content.styled(item.step.error, "$error")
    return Content.styled(item.step.stage, "$text-muted")


COLUMNS: tuple[Column[TreeStep], ...] = (
    Column("step", "Step", None, step_name, min_width=29, max_width=44),
    Column("state", "State", 8, step_state),
    Column("progress", "Progress", 11, step_progress),
    Column("time", "Time", 6, lambda item: item.elapsed, align="right"),
    Column("note", "Doing / error", None, step_note, min_width=18),
)


class RunTree(LineTable[TreeStep]):
    """The steps of one run, on a line each."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        """Make an empty tree."""
        super().__init__(
            COLUMNS, key=lambda item: item.step.task_id, empty="no step is known yet", id=id, can_mark=False
        )

    def show_steps(self, steps: Sequence[RunStep]) -> None:
        """Show these steps, which come in tree order."""
        self.show_rows(with_guides(steps, datetime.now(UTC)))
