from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st
from textual import on
from textual.app import App, ComposeResult
from textual.content import Content
from textual.geometry import Region
from textual.pilot import Pilot

from earthgazer_tui.widgets.column import Column, fit, lay_out
from earthgazer_tui.widgets.line_table import LineTable
from tests.tui.console import shown


@dataclass(frozen=True)
class Item:
    id: int
    name: str
    size: int | None = 0


COLUMNS: tuple[Column[Item], ...] = (
    Column("id", "Id", 4, lambda item: str(item.id), align="right"),
    Column("name", "Name", None, lambda item: item.name, sort_key=lambda item: item.name),
    Column(
        "size",
        "Size",
        6,
        lambda item: str(item.size),
        align="right",
        sort_key=lambda item: item.size,
        sort_descending=True,
        priority=1,
    ),
)


class WatchedTable(LineTable[Item]):
    """Remembers which regions it asked to repaint."""

    def __init__(self, columns: Sequence[Column[Item]] = COLUMNS) -> None:
        super().__init__(columns, key=lambda item: item.id, empty="Nothing here.")
        self.repainted: list[tuple[Region, ...]] = []

    def refresh(self, *regions: Region, **options: bool) -> WatchedTable:
        self.repainted.append(regions)
        super().refresh(*regions, **options)
        return self


class TableApp(App[None]):
    def __init__(self, table: LineTable[Item]) -> None:
        super().__init__()
        self.table = table
        self.opened: list[Item] = []
        self.moves: list[Item] = []

    def compose(self) -> ComposeResult:
        yield self.table

    @on(LineTable.Opened)
    def _opened(self, event: LineTable.Opened) -> None:
        self.opened.append(event.row)

    @on(LineTable.CursorMoved)
    def _moved(self, event: LineTable.CursorMoved) -> None:
        self.moves.append(event.row)


@asynccontextmanager
async def running(table: LineTable[Item], size: tuple[int, int] = (40, 11)) -> AsyncIterator[Pilot[None]]:
    async with TableApp(table).run_test(size=size) as pilot:
        table.focus()
        await pilot.pause()
        yield pilot


def items(n: int) -> list[Item]:
    return [Item(k, f"item {k}") for k in range(n)]


async def test_an_empty_table_says_so_once_it_knows() -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        assert "Nothing here." not in shown(pilot)
        table.show_rows([])
        await pilot.pause()
        assert "Nothing here." in shown(pilot)


async def test_only_changed_visible_lines_are_repainted() -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        rows = items(50)
        table.show_rows(rows)
        await pilot.pause()
        table.repainted.clear()
        changed = list(rows)
        changed[3] = replace(rows[3], size=7)
        changed[40] = replace(rows[40], size=7)
        table.show_rows(changed)
        await pilot.pause()
        assert [[region.y for region in regions] for regions in table.repainted] == [[4]]


async def test_equal_rows_repaint_nothing() -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        table.show_rows(items(50))
        await pilot.pause()
        table.repainted.clear()
        table.show_rows(items(50))
        await pilot.pause()
        assert table.repainted == []


async def test_a_change_that_no_cell_shows_repaints_nothing() -> None:
    table = WatchedTable(COLUMNS[:2])
    async with running(table) as pilot:
        table.show_rows(items(5))
        await pilot.pause()
        table.repainted.clear()
        table.show_rows([replace(item, size=99) for item in items(5)])
        await pilot.pause()
        assert table.repainted == []


async def test_cursor_and_its_line_stay_with_the_row_when_rows_come_and_go() -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        table.show_rows(items(50))
        await pilot.press("end", "pageup")
        await pilot.pause()
        row = table.cursor_row
        assert row is not None
        line = table.cursor_index - table.scroll_offset.y
        table.show_rows([*(Item(1000 + k, "new") for k in range(7)), *items(50)[2:]])
        await pilot.pause()
        assert table.cursor_row == row
        assert table.cursor_index - table.scroll_offset.y == line


async def test_new_rows_on_top_are_seen_by_who_looks_at_the_top() -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        table.show_rows(items(50))
        await pilot.pause()
        table.show_rows([Item(1000, "newest"), *items(50)])
        await pilot.pause()
        assert "newest" in shown(pilot)
        assert table.cursor_row == items(1)[0]


async def test_a_tail_keeps_the_newest_row_under_a_cursor_that_was_never_moved() -> None:
    table = WatchedTable()
    table.is_tail = True
    async with running(table) as pilot:
        for n in range(1, 30):
            table.show_rows([Item(-k, f"task {k}") for k in range(n, 0, -1)])
            await pilot.pause()
        assert table.cursor_row == Item(-29, "task 29")
        assert "task 29" in shown(pilot)
        await pilot.press("down")
        table.show_rows([Item(-k, f"task {k}") for k in range(35, 0, -1)])
        assert table.cursor_row == Item(-28, "task 28")


async def test_a_vanished_row_leaves_the_cursor_at_its_place() -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        table.show_rows(items(5))
        await pilot.press("down", "down")
        table.show_rows([item for item in items(5) if item.id != 2])
        await pilot.pause()
        assert table.cursor_row == items(5)[3]
        table.show_rows(items(1))
        assert table.cursor_row == items(1)[0]


async def test_space_marks_and_vanished_rows_lose_their_mark() -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        table.show_rows(items(5))
        await pilot.press("space", "space", "down", "space")
        assert [item.id for item in table.marked] == [0, 1, 3]
        assert table.chosen == table.marked
        table.show_rows(items(2))
        assert [item.id for item in table.marked] == [0, 1]
        await pilot.press("ctrl+a")
        assert table.marked == ()


async def test_keys_move_open_and_tell() -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        table.show_rows(items(30))
        await pilot.press("j", "j", "k", "enter")
        await pilot.pause()
        app = pilot.app
        assert isinstance(app, TableApp)
        assert [item.id for item in app.opened] == [1]
        assert [item.id for item in app.moves] == [0, 1, 2, 1]
        await pilot.press("end")
        assert table.cursor_index == 29
        assert "item 29" in shown(pilot)
        await pilot.press("home")
        assert table.cursor_index == 0


async def test_s_sorts_by_each_column_in_turn_and_unknown_values_come_last() -> None:
    table = WatchedTable()
    rows = [Item(1, "b", 5), Item(2, "a", None), Item(3, "c", 9)]
    async with running(table) as pilot:
        table.show_rows(rows)
        await pilot.press("s")
        assert [item.id for item in table.rows] == [2, 1, 3]
        await pilot.press("s")
        assert [item.id for item in table.rows] == [3, 1, 2]
        assert "Size▾" in shown(pilot)
        await pilot.press("s")
        assert list(table.rows) == rows


async def test_strings_are_never_parsed_as_markup() -> None:
    table = WatchedTable()
    async with running(table, (60, 8)) as pilot:
        hostile = "[/bold] [@click=app.quit]x[/] [red]"
        table.show_rows([Item(1, hostile)])
        await pilot.pause()
        assert hostile in shown(pilot)


async def test_a_narrow_table_drops_columns_by_priority_and_cuts_with_an_ellipsis() -> None:
    table = WatchedTable()
    async with running(table, (18, 6)) as pilot:
        table.show_rows([Item(1, "a name too long", 777)])
        await pilot.pause()
        assert "Size" not in shown(pilot)
        assert "a name too…" in shown(pilot)


@given(st.text(max_size=30), st.integers(1, 20), st.sampled_from(["left", "right"]))
def test_a_cell_takes_exactly_its_width(text: str, width: int, align: str) -> None:
    cell = fit(text, width, "left" if align == "left" else "right")
    assert cell.cell_length == width
    assert "\n" not in cell.plain


@given(st.integers(1, 220))
def test_columns_fill_the_width_or_what_is_essential_overflows(width: int) -> None:
    shown_columns, gap = lay_out(COLUMNS, width)
    total = sum(cells for _, cells in shown_columns) + gap * (len(shown_columns) - 1)
    assert total == max(width, 4 + 1 + 8)


def test_a_flexible_column_stops_at_its_most() -> None:
    columns = [
        Column[Item]("a", "A", None, lambda item: "", max_width=10),
        Column[Item]("b", "B", None, lambda item: ""),
    ]
    (_, a), (_, b) = lay_out(columns, 60)[0]
    assert (a, b) == (10, 48)


def test_styles_survive_the_cut() -> None:
    cell = fit(Content.styled("abcdef", "bold"), 4)
    assert cell.plain == "abc…"
    assert cell.spans[0].style == "bold"
