"""A table over the Line API that sends the terminal only the lines that changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from earthgazer_tui.widgets.column import Column, Row
from earthgazer_tui.widgets.line_table_marks import Marks
from earthgazer_tui.widgets.line_table_order import Order
from earthgazer_tui.widgets.line_table_painter import Painter
from earthgazer_tui.widgets.line_table_rows import Rows

HEADER_LINES = 1
SLICE_GAP_S = 0.01
"""Time for keys between two slices of what is sorted out of sight."""


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
            (
                "ctrl+@,ctrl+space",
                "mark_range",
                "Mark range",
                "mark-range",
                "Mark from the last mark to here",
            ),
            ("ctrl+a", "mark_all", "Mark all", "mark-all", "Mark all that match, or none"),
            ("s", "sort", "Sort", "sort", "Choose a column to sort by; the same again turns it round"),
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

    @dataclass
    class SortAsked(Message):
        """The operator wants to choose a column to sort by."""

        table: LineTable[Any]

        @property
        def control(self) -> LineTable[Any]:
            """The table, for ``@on(LineTable.SortAsked, "#id")``."""
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
        self._rows: Rows[Row] = Rows(key)
        self._will_sort_on = False
        self._cursor = 0
        self._total: int | None = None
        self._is_cut = False
        self._marks = Marks()
        self._painter = Painter(self, self.columns)
        self._painted: dict[int, Strip] = {}
        self._was_shown = False
        self._waits_for = ""

    def show_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Show these columns from now on.

        Args:
            columns: Columns in the order to show.
        """
        if tuple(columns) != self.columns:
            self.columns = tuple(columns)
            self._painter = Painter(self, self.columns)
            self._painted.clear()
            self.refresh()

    @property
    def rows(self) -> Sequence[Row]:
        """The rows in the order shown."""
        return self._rows.all()

    @property
    def is_sorted(self) -> bool:
        """Whether all rows are where they belong, those out of sight too."""
        return self._rows.sorting is None

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor; None in an empty table."""
        return self._rows.at(self._cursor) if self._rows else None

    @property
    def cursor_index(self) -> int:
        """Place of the cursor among the rows."""
        return self._cursor

    @property
    def marked(self) -> tuple[Row, ...]:
        """The marked rows, in the order shown."""
        return tuple(row for row in self._rows.all() if self._key(row) in self._marks) if self._marks else ()

    @property
    def chosen(self) -> tuple[Row, ...]:
        """The marked rows, or the one under the cursor where none is marked."""
        row = self.cursor_row
        return self.marked or (() if row is None else (row,))

    @property
    def all_matching(self) -> bool:
        """Whether all that matches was marked, more than the rows that are loaded."""
        return self._marks.is_all_matching

    @property
    def total(self) -> int | None:
        """How many match in all; None where nobody counted."""
        return self._total

    @property
    def sortable(self) -> tuple[Column[Row], ...]:
        """The columns that can be sorted by."""
        return tuple(column for column in self.columns if column.sort_key is not None)

    @property
    def order(self) -> Order[Row]:
        """By what the rows are sorted."""
        return self._rows.order

    def show_rows(self, rows: Sequence[Row], *, total: int | None = None, is_cut: bool = False) -> None:
        """Show these rows in place of the former, repainting the visible lines that differ.

        Args:
            rows: Frozen rows in their natural order; their keys must be unique.
            total: How many match in all, where that was counted.
            is_cut: Whether more match than these, where nobody counted.
        """
        self._total = total
        self._is_cut = is_cut or (total is not None and total > len(rows))
        if self._marks:
            self._marks.show(set(map(self._key, rows)))
        self._show(rows, is_tail=self.is_tail and self.order.column is None)

    def _show(self, rows: Sequence[Row] | None = None, *, is_tail: bool = False) -> None:
        """Show these rows, or sort those that are shown anew."""
        before = self.cursor_row
        cursor_key = None if before is None else self._key(before)
        screen_line = self._cursor - self.scroll_offset.y
        if rows is None:
            self._rows.sort(before, self._cursor)
        else:
            self._rows.show(rows, before, self._cursor)
        self._sort_on_later()
        is_at_top = is_tail and self._cursor == 0 and self.scroll_offset.y == 0
        place = None if before is None or is_at_top else self._rows.place_of(before)
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

    def show_wait(self, text: str) -> None:
        """Say what is waited for, in place of that there is nothing; an empty text once it is there."""
        if text != self._waits_for:
            self._waits_for = text
            self._repaint_changed()

    def move_cursor(self, key: Hashable) -> bool:
        """Put the cursor on the row with this key; return whether there is one."""
        place = self._rows.places.get(key)
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
        self._marks.toggle(self._key(row))
        self._repaint_changed()
        self._move_to(self._cursor + 1)

    def mark_where(self, is_wanted: Callable[[Row], bool]) -> int:
        """Mark the rows that are wanted, in place of those marked before; return how many."""
        wanted = [self._key(row) for row in self._rows.all() if is_wanted(row)]
        self._marks.mark_only(wanted)
        self._repaint_changed()
        return len(wanted)

    def action_mark_range(self) -> None:
        """Mark all rows from the one last marked to the one under the cursor."""
        if self._rows and self.can_mark:
            self._marks.extend(list(self._rows.places), self._cursor)
            self._repaint_changed()

    def action_mark_all(self) -> None:
        """Mark all that matches, or nothing where all is marked."""
        if self.can_mark:
            self._marks.toggle_all(self._rows.places.keys(), are_more=self._is_cut)
            self._repaint_changed()

    def action_sort(self) -> None:
        """Ask by which column to sort."""
        self.post_message(self.SortAsked(self))

    def sort_by(self, column: Column[Row] | None, *, is_descending: bool | None = None) -> None:
        """Sort by a column; the cursor stays on its row.

        Args:
            column: One of :attr:`sortable`; None for the order as given.
            is_descending: Which way; without, the column's own way, and the other one the second time.
        """
        self._rows.order = self.order.by(column, is_descending)
        self._show()

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
        self._painter.forget()

    def render_line(self, y: int) -> Strip:
        """Render one line of the visible part."""
        strip = self._line(y)
        self._painted[y] = strip
        return strip

    def _sort_on_later(self) -> None:
        if self._rows.sorting is not None and not self._will_sort_on:
            self._will_sort_on = True
            self.set_timer(SLICE_GAP_S, self._sort_on)

    def _sort_on(self) -> None:
        """Sort a slice of what is out of sight: of what is shown by now, whatever it was for."""
        self._will_sort_on = False
        if self._rows.sorting is not None and self._rows.sorting.go_on():
            self._rows.all()
        self._sort_on_later()

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

    def _move_to(self, place: int) -> None:
        place = max(0, min(place, len(self._rows) - 1))
        if not self._rows or place == self._cursor:
            return
        self._cursor = place
        self._scroll_to_cursor()
        self._repaint_changed()
        self.post_message(self.CursorMoved(self, self._rows.at(place)))

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
            # Rendering a line at another width than before forgets what was painted.
            if self._painted.get(y) is None or self._line(y) != self._painted.get(y)
        ]
        if changed:
            self.refresh(*changed)

    def _line(self, y: int) -> Strip:
        """Render the line at ``y``, counted from the top of the visible part."""
        if self._painter.fit(self._line_width):
            self._painted.clear()
        if y < HEADER_LINES:
            return self._painter.header(
                self.order, self._marks.note(len(self._rows), self._total, is_cut=self._is_cut)
            )
        place = self.scroll_offset.y + y - HEADER_LINES
        if place < len(self._rows):
            row = self._rows.at(place)
            key = self._key(row)
            is_cursor = self.has_cursor and place == self._cursor
            return self._painter.row(row, key, is_cursor=is_cursor, is_marked=key in self._marks)
        if not self._rows and (self._waits_for or self._was_shown):
            return self._painter.empty(self._waits_for or self.empty, y - HEADER_LINES)
        return self._painter.blank()
