"""Lines of text as they go to the terminal."""

from __future__ import annotations

from rich.segment import Segment
from textual.content import Content
from textual.strip import Strip
from textual.style import Style


def strip_of(content: Content, base: Style) -> Strip:
    """Return one line of content in its styles on top of another."""
    segments = [
        Segment(text, (base + style).rich_style)
        for text, style in content.render(base, end="", parse_style=_parse_style)
    ]
    return Strip(segments, content.cell_length).simplify()


def _parse_style(style: str | Style) -> Style:
    """Return a style of Textual, theme variables resolved by the app that is active."""
    return style if isinstance(style, Style) else Style.parse(style)
