"""A text of any length, of which only the lines in sight are rendered."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.visual import VisualType
from textual.widgets import Static

from earthgazer_tui.widgets.strips import strip_of


class LongText(Static):
    """Shows content as it is, never parsed as markup; as high as its lines, each as wide as there is room."""

    DEFAULT_CSS = "LongText { width: 1fr; height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, markup=False)
        self._text = Content("")
        self._folded: tuple[int, list[Content]] | None = None

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        """Show this in place of the former."""
        self._text = content if isinstance(content, Content) else Content(str(content))
        self._folded = None
        super().update(self._text, layout=layout)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines it takes at a width."""
        return len(self._lines(width)) if width else 0

    def render_line(self, y: int) -> Strip:
        """Render one line."""
        if self.text_selection is not None:
            return super().render_line(y)
        lines = self._lines(self.size.width)
        style = self.visual_style
        if y >= len(lines):
            return Strip.blank(self.size.width, style.rich_style)
        return strip_of(lines[y], style)

    def _lines(self, width: int) -> list[Content]:
        """Return the text in lines that fit; only those that don't are looked at word by word."""
        if self._folded is None or self._folded[0] != width:
            lines: list[Content] = []
            for line in self._text.split(allow_blank=True):
                lines += [line] if line.cell_length <= width else line.wrap(width)
            self._folded = (width, lines)
        return self._folded[1]
