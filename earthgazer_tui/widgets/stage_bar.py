"""The stages of a capture as letters and signs that need no colour to be told apart."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from earthgazer_tui.fleet.models import StageState

STAGE_LETTERS = {
    "discovered": "D",
    "backed_up": "B",
    "downloaded": "L",
    "stacked": "S",
    "ndvi": "N",
    "rgb": "R",
}
"""Letter of each stage, in the pipeline's order."""
STAGE_SIGNS = {
    "done": ("✓", "$success"),
    "running": ("▸", "bold $warning"),
    "waiting": ("…", "$text-muted"),
    "failed": ("✗", "bold $error"),
    "skipped": ("–", "$text-muted"),
    "none": ("·", "$text-disabled"),
}
"""Sign and style of each state."""
BAR_WIDTH = 2 * len(STAGE_LETTERS)
"""Cells of a stage bar."""
LEGEND = "D discovered  B backed up  L downloaded  S stacked  N NDVI  R RGB"
"""What the letters mean."""

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def stage_bar(stages: Sequence[StageState]) -> Content:
    """Return the stages as one letter and one sign each: ``D✓B✓L✓S▸N·R·``."""
    by_name = {stage.stage: stage for stage in stages}
    parts: list[tuple[str, str]] = []
    for name, letter in STAGE_LETTERS.items():
        stage = by_name.get(name)
        sign, style = STAGE_SIGNS.get(stage.state if stage else "none", ("?", "$warning"))
        parts.append((letter + sign, style))
    return Content.assemble(*parts)


def progress_bar(percent: float, width: int, style: str = "$success") -> Content:
    """Return a bar filled to an eighth of a cell, its empty part told by dots."""
    eighths = round(max(0.0, min(100.0, percent)) / 100 * width * 8)
    full, rest = divmod(eighths, 8)
    filled = "█" * full + (_EIGHTHS[rest] if rest else "")
    return Content.assemble((filled, style), ("·" * (width - len(filled)), "$text-disabled"))
