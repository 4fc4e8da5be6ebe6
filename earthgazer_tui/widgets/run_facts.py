"""A workflow run in words: its state, its steps and its progress."""

from __future__ import annotations

from textual.content import Content

from earthgazer_tui.fleet.models import RunRow
from earthgazer_tui.widgets.stage_bar import progress_bar
from earthgazer_tui.wording import counted, percent

RUN_SIGNS = {
    "running": ("▸", "bold $warning"),
    "waiting": ("◦", "$foreground-muted"),
    "succeeded": ("✓", "$success"),
    "failed": ("✗", "bold $error"),
    "cancelled": ("⊘", "$foreground-muted"),
}
"""Sign and style of each state."""


def run_state(run: RunRow) -> Content:
    """Return a run's state, sign and word."""
    sign, style = RUN_SIGNS.get(run.state, ("?", "$warning"))
    return Content.styled(f"{sign} {run.state}", style)


def run_progress(run: RunRow, width: int) -> Content:
    """Return a run's progress as a bar of this width and a share."""
    style = "$error" if run.failed else "$success"
    return Content.assemble(progress_bar(run.percent, width, style), f" {percent(run.percent):>4}")


def run_steps(run: RunRow) -> Content:
    """Return how many of the steps are done, and how many failed: ``7/12 1 failed``."""
    return Content.assemble(
        f"{run.done}/{run.total}",
        (f" {run.failed} failed" if run.failed else "", "$error"),
        (f" {run.running} running" if run.running else "", "$foreground-muted"),
    )


def run_title(run: RunRow, elapsed: str) -> Content:
    """Return the line on top of a run."""
    failed = counted(run.failed, "step") + " failed"
    return Content.assemble(
        (run.name, "bold"),
        (f"  {run.subject}" if run.subject else "", "$accent"),
        "  ",
        run_state(run),
        "  ",
        run_progress(run, 12),
        f"  {run.done} of {counted(run.total, 'step')}",
        (f"  {failed}" if run.failed else "", "bold $error"),
        (f"  {elapsed}", "$foreground-muted"),
    )
