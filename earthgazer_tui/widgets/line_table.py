"""A table over the Line API that sends the terminal only the lines that changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from earthgazer_tui.widgets.column import GAP, Column, Row, fit, lay_out

HEADER_LINES = 1
GUTTER = 2
"""Cells left of the first column: the cursor's and the mark's signs, for terminals without colour."""
KEPT_STRIPS = 512
"""Rendered rows that are kept for scrolling."""


class LineTable(ScrollView, Generic[Row], can_focus=True):
    """A scrollable list of frozen rows, each on one line, under a header that stays.

    Rows are told apart by their key: cursor, marks and scroll position stay with it when rows come,
    go or change. Nothing is repainted unless its text or style changed.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LineTable {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        & > .line-table--header { color: $text-muted; text-style: bold; }
        & > .line-table--cursor { background: $block-cursor-blurred-background; }
        & > .line-table--empty { color: $text-muted; }
        & > .line-table--mark { color: $accent; text-style: bold; }
        &:focus > .line-table--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: bold;
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-table--header",
        "line-table--cursor",
        "line-table--empty",
        "line-table--mark",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(keys, action, title, show=False, id=f"table.{name}", tooltip=help_text)
        for keys, action, title, name, help_text in (
            ("up,k", "move(-1)", "Up", "up", "Move one row up"),
            ("down,j", "move(1)", "Down", "down", "Move one row down"),
            ("pageup", "page(-1)", "Page up", "page-up", "Move one page up"),
            ("pagedown", "page(1)", "Page down", "page-down", "Move one page down"),
            ("home,g", "first", "First", "first", "Move to the first row"),
            ("end", "last", "Last", "last", "Move to the last row"),
            ("enter", "open", "Open", "open", "Open the row under the cursor"),
            ("space", "mark", "Mark", "mark", "Mark or unmark the row"),
            ("ctrl+a", "mark_all", "Mark all", "mark-all", "Mark all rows, or none"),
            ("s", "sort", "Sort", "sort", "Sort by the next column"),
        )
    ]

    @dataclass
    class Opened(Message):
        """Enter was pressed on a row."""

        table: LineTable[Any]
        row: Any

        @property
        def control(self) -> LineTable[Any]:
            """The table, for ``@on(LineTable.Opened, "#id")``."""
            return self.table

    @dataclass
    class CursorMoved(Message):
        """The cursor is on another row than before."""

        table: LineTable[Any]
        row: Any

        @property
        def control(self) -> LineTable[Any]:
            """The table, for ``@on(LineTable.CursorMoved, "#id")``."""
            return self.table

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        *,
        key: Callable[[Row], Hashable],
        empty: str = "",
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
        can_mark: bool = True,
        has_cursor: bool = True,
        is_tail: bool = False,
    ) -> None:
        """Make an empty table.

        Args:
            columns: Columns in the order to show.
            key: Identity of a row, unique within the table.
            empty: What to say where there are no rows.
            id: Textual's widget id.
            classes: CSS classes.
            can_mark: Whether space marks rows.
            has_cursor: Whether there is a cursor; without, the table only shows and never has the focus.
            is_tail: Whether a cursor on the first row stays there when newer rows come in above it.
        """
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.empty = empty
        self.can_mark = can_mark
        self.has_cursor = has_cursor
        self.can_focus = has_cursor
        self.is_tail = is_tail
        self._key = key
        self._given: Sequence[Row] = ()
        self._rows: list[Row] = []
        self._places: dict[Hashable, int] = {}
        self._cursor = 0
        self._marks: set[Hashable] = set()
        self._sort: Column[Row] | None = None
        self._layout_width = -1
        self._laid_out: tuple[tuple[Column[Row], int], ...] = ()
        self._gap = GAP
        self._strips: dict[tuple[Hashable, bool, bool, bool], tuple[Row, Strip]] = {}
        self._painted: dict[int, Strip] = {}
        self._was_shown = False

    @property
    def rows(self) -> Sequence[Row]:
        """The rows in the order shown."""
        return self._rows

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor; None in an empty table."""
        return self._rows[self._cursor] if self._rows else None

    @property
    def cursor_index(self) -> int:
        """Place of the cursor among the rows."""
        return self._cursor

    @property
    def marked(self) -> tuple[Row, ...]:
        """The marked rows, in the order shown."""
        return tuple(row for row in self._rows if self._key(row) in self._marks)

    @property
    def chosen(self) -> tuple[Row, ...]:
        """The marked rows, or the one under the cursor where none is marked."""
        row = self.cursor_row
        return self.marked or (() if row is None else (row,))

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows in place of the former, repainting the visible lines that differ.

        Args:
            rows: Frozen rows in their natural order; their keys must be unique.
        """
        before = self.cursor_row
        cursor_key = None if before is None else self._key(before)
        screen_line = self._cursor - self.scroll_offset.y
        self._given = rows
        self._rows = self._sorted(rows)
        self._places = {self._key(row): place for place, row in enumerate(self._rows)}
        self._marks.intersection_update(self._places)
        is_at_top = self.is_tail and self._cursor == 0 and self.scroll_offset.y == 0
        place = None if cursor_key is None or is_at_top else self._places.get(cursor_key)
        self._cursor = min(self._cursor, max(0, len(self._rows) - 1)) if place is None else place
        self._was_shown = True
        self._fit_virtual_size()
        if place is not None and self.scroll_offset.y > 0:
            self.scroll_to(y=place - screen_line, animate=False)
        self._scroll_to_cursor()
        self._repaint_changed()
        after = self.cursor_row
        if after is not None and (before is None or self._key(after) != cursor_key):
            self.post_message(self.CursorMoved(self, after))

    def move_cursor(self, key: Hashable) -> bool:
        """Put the cursor on the row with this key; return whether there is one."""
        place = self._places.get(key)
        if place is None:
            return False
        self._move_to(place)
        return True

    def clear_marks(self) -> None:
        """Unmark all rows."""
        self._marks.clear()
        self._repaint_changed()

    def action_move(self, by: int) -> None:
        """Move the cursor by some rows."""
        self._move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by some pages."""
        self._move_to(self._cursor + by * max(1, self._body_height - 1))

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self._move_to(0)

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self._move_to(len(self._rows) - 1)

    def action_open(self) -> None:
        """Tell that the row under the cursor is to be opened."""
        row = self.cursor_row
        if row is not None:
            self.post_message(self.Opened(self, row))

    def action_mark(self) -> None:
        """Mark or unmark the row under the cursor and go on to the next."""
        row = self.cursor_row
        if row is None or not self.can_mark:
            return
        self._marks ^= {self._key(row)}
        self._repaint_changed()
        self._move_to(self._cursor + 1)

    def action_mark_all(self) -> None:
        """Mark all rows, or none where all are marked."""
        if not self.can_mark:
            return
        everything = set(self._places)
        self._marks = set() if self._marks == everything else everything
        self._repaint_changed()

    def action_sort(self) -> None:
        """Sort by the next column that can be sorted by, and after the last as given."""
        choices: list[Column[Row] | None] = [None, *(c for c in self.columns if c.sort_key is not None)]
        self._sort = choices[(choices.index(self._sort) + 1) % len(choices)]
        self.show_rows(self._given)

    def on_click(self, event: Click) -> None:
        """Move the cursor to the row that was clicked, and open it at the second click."""
        place = self.scroll_offset.y + event.y - HEADER_LINES
        if event.y >= HEADER_LINES and 0 <= place < len(self._rows):
            self._move_to(place)
            if event.chain > 1:
                self.action_open()

    def on_resize(self, event: Resize) -> None:
        """Keep the cursor visible in the new size."""
        self._scroll_to_cursor()

    def notify_style_update(self) -> None:
        """Forget what was rendered with the former styles."""
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """Render one line of the visible part."""
        strip = self._line(y)
        self._painted[y] = strip
        return strip

    @property
    def _line_width(self) -> int:
        return self.size.width - self.scrollbar_gutter.width

    @property
    def _body_height(self) -> int:
        return max(0, self.size.height - HEADER_LINES)

    def _fit_virtual_size(self) -> None:
        size = Size(0, len(self._rows) + HEADER_LINES)
        if self.virtual_size != size:
            self.virtual_size = size

    def _sorted(self, rows: Sequence[Row]) -> list[Row]:
        column = self._sort
        if column is None or column.sort_key is None:
            return list(rows)
        value = column.sort_key
        with_value = [row for row in rows if value(row) is not None]
        with_value.sort(key=value, reverse=column.sort_descending)
        return with_value + [row for row in rows if value(row) is None]

    def _move_to(self, place: int) -> None:
        place = max(0, min(place, len(self._rows) - 1))
        if not self._rows or place == self._cursor:
            return
        self._cursor = place
        self._scroll_to_cursor()
        self._repaint_changed()
        self.post_message(self.CursorMoved(self, self._rows[place]))

    def _scroll_to_cursor(self) -> None:
        top, height = self.scroll_offset.y, self._body_height
        if height <= 0:
            return
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False)

    def _repaint_changed(self) -> None:
        """Ask for a repaint of those visible lines that would look different."""
        width = self._line_width
        changed = [
            Region(0, y, width, 1)
            for y in range(self.size.height)
            if self._painted.get(y) is None or self._line(y) != self._painted[y]
        ]
        if changed:
            self.refresh(*changed)

    def _line(self, y: int) -> Strip:
        """Render the line at ``y``, counted from the top of the visible part."""
        width = self._line_width
        if width != self._layout_width:
            self._layout_width = width
            self._laid_out, self._gap = lay_out(self.columns, width - GUTTER)
            self._strips.clear()
            self._painted.clear()
        if y < HEADER_LINES:
            return self._header(width)
        place = self.scroll_offset.y + y - HEADER_LINES
        if place < len(self._rows):
            return self._row(place, width)
        base = self.visual_style
        if not self._rows and self._was_shown:
            lines = Content(self.empty).wrap(max(1, width - 2 * GUTTER)) if self.empty else []
            if y - 2 * HEADER_LINES in range(len(lines)):
                content = fit(lines[y - 2 * HEADER_LINES].pad_left(GUTTER), width)
                return self._strip(content, self.get_visual_style("line-table--empty"))
        return Strip.blank(width, base.rich_style)

    def _header(self, width: int) -> Strip:
        titles = []
        for column, cells in self._laid_out:
            sign = "" if column is not self._sort else ("▾" if column.sort_descending else "▴")
            titles.append(fit(f"{column.title}{sign}", cells, column.align))
        content = Content(" " * self._gap).join(titles).pad_left(GUTTER)
        return self._strip(fit(content, width), self.get_visual_style("line-table--header"))

    def _row(self, place: int, width: int) -> Strip:
        row = self._rows[place]
        key = self._key(row)
        is_cursor, is_marked = self.has_cursor and place == self._cursor, key in self._marks
        slot = (key, is_cursor, is_marked, self.has_focus)
        kept = self._strips.get(slot)
        if kept is not None and kept[0] == row:
            return kept[1]
        cells = [fit(column.render(row), cells, column.align) for column, cells in self._laid_out]
        signs = Content.assemble(
            "›" if is_cursor else " ", ("●", self._style_of("line-table--mark")) if is_marked else " "
        )
        content = fit(Content.assemble(signs, Content(" " * self._gap).join(cells)), width)
        style = self.get_visual_style("line-table--cursor") if is_cursor else self.visual_style
        strip = self._strip(content.without_spans if is_cursor and self.has_focus else content, style)
        if len(self._strips) >= KEPT_STRIPS:
            self._strips.clear()
        self._strips[slot] = (row, strip)
        return strip

    def _style_of(self, component: str) -> Style:
        return self.get_visual_style(component, partial=True)

    def _strip(self, content: Content, base: Style) -> Strip:
        segments = [
            Segment(text, (base + style).rich_style)
            for text, style in content.render(base, end="", parse_style=_parse_style)
        ]
        return Strip(segments, content.cell_length).simplify()


def _parse_style(style: str | Style) -> Style:
    """Return a style of Textual, theme variables resolved by the app that is active."""
    return style if isinstance(style, Style) else Style.parse(style)
