"""How the lines of a table look: rendered once and kept until their row or their style changes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic

from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from earthgazer_tui.widgets.column import GAP, Column, Row, fit, lay_out
from earthgazer_tui.widgets.line_table_order import Order
from earthgazer_tui.widgets.strips import strip_of

GUTTER = 2
"""Cells left of the first column: the cursor's and the mark's signs, for terminals without colour."""
KEPT_STRIPS = 512
"""Rendered rows that are kept for scrolling."""


class Painter(Generic[Row]):
    """Makes strips for a table of these columns, in the styles of its widget."""

    def __init__(self, widget: Widget, columns: Sequence[Column[Row]]) -> None:
        self._widget = widget
        self._columns = tuple(columns)
        self._width = -1
        self._laid_out: tuple[tuple[Column[Row], int], ...] = ()
        self._gap = GAP
        self._strips: dict[tuple[Hashable, bool, bool, bool], tuple[Row, Strip]] = {}

    def forget(self) -> None:
        """Forget what was rendered."""
        self._strips.clear()

    def fit(self, width: int) -> bool:
        """Share out a width to the columns; return whether it is another than before."""
        if width == self._width:
            return False
        self._width = width
        self._laid_out, self._gap = lay_out(self._columns, width - GUTTER)
        self._strips.clear()
        return True

    def header(self, order: Order[Row], note: str) -> Strip:
        """Return the line of titles, at its end what there is to say of the rows as a whole."""
        titles = [
            fit(f"{column.title}{order.sign(column)}", cells, column.align)
            for column, cells in self._laid_out
        ]
        content = Content(" " * self._gap).join(titles).pad_left(GUTTER)
        if note:
            told = Content.assemble(" ", (f" {note} ", "reverse"))
            content = fit(content, max(0, self._width - told.cell_length)) + told
        return strip_of(fit(content, self._width), self._widget.get_visual_style("line-table--header"))

    def row(self, row: Row, key: Hashable, *, is_cursor: bool, is_marked: bool) -> Strip:
        """Return the line of a row."""
        has_focus = self._widget.has_focus
        slot = (key, is_cursor, is_marked, has_focus)
        kept = self._strips.get(slot)
        if kept is not None and kept[0] == row:
            return kept[1]
        widget = self._widget
        cells = [fit(column.render(row), cells, column.align) for column, cells in self._laid_out]
        mark = widget.get_visual_style("line-table--mark", partial=True)
        signs = Content.assemble("›" if is_cursor else " ", ("●", mark) if is_marked else " ")
        content = fit(Content.assemble(signs, Content(" " * self._gap).join(cells)), self._width)
        style = widget.get_visual_style("line-table--cursor") if is_cursor else widget.visual_style
        strip = strip_of(content.without_spans if is_cursor and has_focus else content, style)
        if len(self._strips) >= KEPT_STRIPS:
            self._strips.clear()
        self._strips[slot] = (row, strip)
        return strip

    def empty(self, text: str, line: int) -> Strip:
        """Return a line below the header of a table without rows, ``text`` wrapped from the second on."""
        lines = Content(text).wrap(max(1, self._width - 2 * GUTTER)) if text else []
        if 1 <= line <= len(lines):
            content = fit(lines[line - 1].pad_left(GUTTER), self._width)
            return strip_of(content, self._widget.get_visual_style("line-table--empty"))
        return self.blank()

    def blank(self) -> Strip:
        """Return a line with nothing on it."""
        return Strip.blank(self._width, self._widget.visual_style.rich_style)
