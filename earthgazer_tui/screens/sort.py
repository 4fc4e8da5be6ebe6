"""A choice of the column by which a table is sorted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.widgets import Static

from earthgazer_tui.screens.steady import SteadyDialog
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.line_table import LineTable


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to sort."""

    key: str
    """Digit that chooses it; empty from the tenth column on."""
    title: str
    """Title of the column."""
    sign: str
    """Which way it is sorted by now; empty where it isn't."""
    column: Column[Any] | None
    """The column; None for the order as given."""


COLUMNS: tuple[Column[Choice], ...] = (
    Column("key", "", 1, lambda choice: Content.styled(choice.key, "bold")),
    Column("title", "Sort by", None, lambda choice: f"{choice.title} {choice.sign}"),
)


class SortDialog(SteadyDialog[None]):
    """Sorts a table by the column chosen; the one it is sorted by already is turned round."""

    CSS_PATH = "sort.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Cancel", id="sort.leave", tooltip="Sort as before"),
    ]

    def __init__(self, table: LineTable[Any]) -> None:
        super().__init__()
        self.table = table
        self.choices = [
            Choice("0", "as given", "" if table.order.column else "·", None),
            *(
                Choice(str(n) if n < 10 else "", column.title or column.key, table.order.sign(column), column)
                for n, column in enumerate(table.sortable, 1)
            ),
        ]

    def compose(self) -> ComposeResult:
        """Make the list."""
        with Vertical(id="dialog"):
            yield LineTable(COLUMNS, key=lambda choice: choice.title, can_mark=False, id="columns")
            keys = (
                ("enter", "bold reverse"),
                "  Sort, again turns round   ",
                ("esc", "bold reverse"),
                "  Cancel",
            )
            yield Static(Content.assemble(*keys), id="options", markup=False)

    def on_mount(self) -> None:
        """Put the column that it is sorted by at hand, or the first."""
        columns = self.query_one(LineTable)
        columns.styles.height = len(self.choices) + 1
        columns.show_rows(self.choices)
        now = next((choice for choice in self.choices if choice.sign and choice.column), self.choices[1])
        columns.move_cursor(now.title)
        columns.focus()

    def on_key(self, event: Key) -> None:
        """Choose the column of that digit."""
        for choice in self.choices:
            if choice.key and event.character == choice.key:
                event.stop()
                self._choose(choice)

    def action_leave(self) -> None:
        """Leave the order as it is."""
        self.dismiss(None)

    @on(LineTable.Opened)
    @on(LineTable.SortAsked)
    def _chosen(self, event: LineTable.Opened | LineTable.SortAsked) -> None:
        event.stop()
        choice = self.query_one(LineTable).cursor_row
        if choice is not None:
            self._choose(choice)

    def _choose(self, choice: Choice) -> None:
        self.table.sort_by(choice.column)
        self.dismiss(None)
