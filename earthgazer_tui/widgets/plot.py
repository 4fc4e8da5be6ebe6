"""The way from a plotext figure to Textual content: plotext draws, the theme colours.

A figure is drawn with palette numbers that stand for roles (axis, line, point …), so that what
reaches the terminal is coloured by the theme of the console and never by plotext.
"""

from __future__ import annotations

import re
from enum import IntEnum
from types import ModuleType
from typing import Any

from textual.content import Content

_RUN = re.compile(r"\x1b\[([0-9;]*)m")


class Role(IntEnum):
    """Palette numbers that stand for what a character of a plot is."""

    LINE = 1
    POINT = 2
    TREND = 3
    GAP = 4


ROLE_STYLES: dict[int, str] = {
    Role.LINE: "$primary",
    Role.POINT: "bold $success",
    Role.TREND: "$warning",
    Role.GAP: "$error",
}
"""Style of each role, in the theme's words."""

FRAME_STYLE = "$text-muted"
"""Style of axes and their labels."""


def plotext() -> ModuleType:
    """Return plotext, imported when first asked for: 0.2 s that no first frame should wait for."""
    import plotext as module

    return module


def open_figure(width: int, height: int) -> Any:
    """Return plotext's figure, cleared, of this size in cells, with only the lower and left axis.

    There is one figure in the process; draw and build it without awaiting in between.
    """
    module = plotext()
    # The size is the widget's own; plotext would clamp it to the terminal that it sees.
    module.terminal.limit(False, False)
    figure = module.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, height)
    figure.axes(False, axis="x", side="upper")
    figure.axes(False, axis="y", side="right")
    return figure


def glyph(character: str, role: int) -> Any:
    """Return a plotext marker of one character (or ``braille``) in the palette number of a role."""
    module = plotext()
    return module.marker(character, pixel=module.pixel(foreground=int(role)))


def to_content(ansi: str, styles: dict[int, str]) -> Content:
    """Return what plotext built as content, its palette numbers replaced by the styles given."""
    parts: list[tuple[str, str]] = []
    style = FRAME_STYLE
    at = 0
    for match in _RUN.finditer(ansi):
        if match.start() > at:
            parts.append((ansi[at : match.start()], style))
        at = match.end()
        codes = match.group(1).split(";")
        style = styles.get(int(codes[2]), "") if codes[:2] == ["38", "5"] and len(codes) == 3 else FRAME_STYLE
    if at < len(ansi):
        parts.append((ansi[at:], style))
    return Content.assemble(*parts)
