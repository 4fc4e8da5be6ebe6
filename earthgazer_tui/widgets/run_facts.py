"""A workflow run in words: its state, its steps and its progress."""

from __future__ import annotations

from textual.content import Content

from earthgazer_tui.fleet.models import RunRow
from earthgazer_tui.widgets.stage_bar import progress_bar
from earthgazer_tui.wording import percent

RUN_SIGNS = {
    "running": ("▸", "bold $warning"),
    "waiting": ("◦", "$text-muted"),
    "succeeded": ("✓", "$success"),
    "failed": ("✗", "bold $error"),
    "cancelled": ("⊘", "$text-muted"),
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
    """Return how many of the steps are done, failed and running: ``7/12 ✗1 ▸2``."""
    return Content.assemble(
        f"{run.done}/{run.total}",
        (f" ✗{run.failed}" if run.failed else "", "bold $error"),
        (f" ▸{run.running}" if run.running else "", "$warning"),
    )


def run_title(run: RunRow, elapsed: str) -> Content:
    """Return the line on top of a run."""
    return Content.assemble(
        (run.name, "bold"),
        (f"  {run.subject}" if run.subject else "", "$accent"),
        "  ",
        run_state(run),
        "  ",
        run_progress(run, 6),
        "  ",
        run_steps(run),
        (f"  {elapsed}", "$text-muted"),
    )
