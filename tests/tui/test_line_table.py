from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from textual import on
from textual.app import App, ComposeResult
from textual.content import Content
from textual.geometry import Region
from textual.pilot import Pilot

from earthgazer_tui.widgets.column import Column, fit, lay_out
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.line_table_order import Order
from earthgazer_tui.widgets.line_table_sorting import Sorting, sort_values
from tests.tui.console import shown, until


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


async def test_rows_shown_while_another_width_is_not_painted_yet_are_painted() -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        table.show_rows([Item(1, "one")])
        await pilot.pause()
        # As a change of size does that comes between the layout and its first paint.
        table._painter.fit(table._line_width - 7)
        table.show_rows([Item(1, "two")])
        await pilot.pause()
        assert "two" in shown(pilot)


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


async def test_rows_are_sorted_by_a_column_either_way_and_unknown_values_come_last() -> None:
    table = WatchedTable()
    rows = [Item(1, "b", 5), Item(2, "a", None), Item(3, "c", 9)]
    by_name, by_size = table.sortable
    async with running(table) as pilot:
        table.show_rows(rows)
        table.sort_by(by_name)
        assert [item.id for item in table.rows] == [2, 1, 3]
        table.sort_by(by_size)
        assert [item.id for item in table.rows] == [3, 1, 2]
        await pilot.pause()
        assert "Size▾" in shown(pilot)
        table.sort_by(by_size)
        assert [item.id for item in table.rows] == [1, 3, 2]
        table.sort_by(None)
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


async def test_s_asks_by_which_column_to_sort() -> None:
    table = WatchedTable()
    asked: list[LineTable[Item]] = []

    class SortingApp(TableApp):
        @on(LineTable.SortAsked)
        def _asked(self, event: LineTable.SortAsked) -> None:
            asked.append(event.table)

    async with SortingApp(table).run_test(size=(40, 11)) as pilot:
        table.focus()
        await pilot.pause()
        await pilot.press("s")
        await pilot.pause()
    assert asked == [table]


async def test_a_range_is_marked_from_the_last_mark_to_the_cursor() -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        table.show_rows(items(9))
        await pilot.press("down", "space", "down", "down", "ctrl+@")
        assert [item.id for item in table.marked] == [1, 2, 3, 4]
        assert "4 marked" in shown(pilot)
        await pilot.press("home", "ctrl+@")
        assert [item.id for item in table.marked] == [0, 1, 2, 3, 4]


async def test_a_range_without_a_mark_before_it_is_the_row_under_the_cursor() -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        table.show_rows(items(9))
        await pilot.press("down", "ctrl+@")
        assert [item.id for item in table.marked] == [1]


async def test_all_matching_means_more_than_is_loaded_until_one_is_unmarked() -> None:
    table = WatchedTable()
    async with running(table, (60, 8)) as pilot:
        table.show_rows(items(5), total=12_345)
        await pilot.pause()
        assert "5 of 12 345 loaded" in shown(pilot)
        await pilot.press("ctrl+a")
        await pilot.pause()
        assert table.all_matching
        assert "all 12 345 marked" in shown(pilot)
        table.show_rows([*items(5)[2:], Item(77, "new")], total=12_400)
        assert [item.id for item in table.marked] == [2, 3, 4, 77]
        await pilot.press("space")
        assert len(table.marked) == 3
        await pilot.press("ctrl+a", "ctrl+a")
        assert not table.marked


async def test_all_matching_is_over_once_a_row_is_unmarked() -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        table.show_rows(items(5), is_cut=True)
        await pilot.press("ctrl+a", "space")
        assert not table.all_matching
        assert len(table.marked) == 4


async def test_marking_all_of_a_list_that_is_whole_means_what_is_there() -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        table.show_rows(items(3))
        await pilot.press("ctrl+a")
        assert not table.all_matching
        table.show_rows(items(4))
        assert [item.id for item in table.marked] == [0, 1, 2]


async def test_a_cut_list_that_nobody_counted_says_so() -> None:
    table = WatchedTable()
    async with running(table, (60, 8)) as pilot:
        table.show_rows(items(5), is_cut=True)
        await pilot.press("ctrl+a")
        await pilot.pause()
        assert "all that match marked, 5 of more loaded" in shown(pilot)


async def test_a_sorted_tail_keeps_its_cursor() -> None:
    table = WatchedTable()
    table.is_tail = True
    async with running(table):
        table.show_rows([Item(3, "c"), Item(2, "b"), Item(1, "a")])
        table.sort_by(table.sortable[0])
        assert table.cursor_row == Item(3, "c")
        table.show_rows([Item(4, "0"), Item(3, "c"), Item(2, "b"), Item(1, "a")])
        assert table.cursor_row == Item(3, "c")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("rows"), st.lists(st.integers(0, 40), unique=True, max_size=40)),
        st.tuples(st.just("sort"), st.sampled_from([None, 0, 1])),
        st.tuples(st.just("press"), st.sampled_from(["down", "up", "end", "pageup", "pagedown", "space"])),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_cursor_and_marks_stay_with_their_rows_and_the_line_with_the_cursor(
    steps: list[tuple[str, Any]],
) -> None:
    asyncio.run(_cursor_stays(steps))


async def _cursor_stays(steps: list[tuple[str, Any]]) -> None:
    table = WatchedTable()
    async with running(table) as pilot:
        table.show_rows(items(20))
        for what, value in steps:
            row, marked = table.cursor_row, {item.id for item in table.marked}
            line, top = table.cursor_index - table.scroll_offset.y, table.scroll_offset.y
            if what == "press":
                await pilot.press(value)
                continue
            if what == "rows":
                table.show_rows([Item(k, f"item {k * 7 % 11}", k * 5 % 13) for k in value])
            else:
                table.sort_by(None if value is None else table.sortable[value])
            there = {item.id for item in table.rows}
            assert {item.id for item in table.marked} == marked & there
            assert table.scroll_offset.y <= table.cursor_index or not there
            if row is not None and row.id in there:
                now = table.cursor_row
                assert now is not None
                assert now.id == row.id
                bottom = max(0, len(table.rows) - table.size.height + 1)
                if top > 0 and 0 <= table.cursor_index - line <= bottom:
                    assert table.cursor_index - table.scroll_offset.y == line


MANY_ITEMS = 24_000


def many_items() -> list[Item]:
    """Return items with many equal values and some unknown ones."""
    return [
        Item(n, f"name {n * 7919 % 50_021 // 4}", None if n % 41 == 0 else n * 6_007 % 15_013)
        for n in range(MANY_ITEMS)
    ]


def sizes_in_sight(table: LineTable[Item]) -> list[str]:
    """Return the last word of each line below the header."""
    return [table.render_line(y).text.split()[-1] for y in range(1, table.size.height)]


async def test_of_many_rows_those_in_sight_are_sorted_at_once_and_the_others_after_that() -> None:
    table = WatchedTable()
    given = many_items()
    by_size = COLUMNS[2]
    async with running(table) as pilot:
        table.show_rows(given)
        table.move_cursor(12_345)
        for is_descending in (False, True):
            want = Order(by_size, is_descending).sort(given)
            table.sort_by(by_size, is_descending=is_descending)
            at = table.cursor_index
            assert table.cursor_row == given[12_345] == want[at]
            seen = sizes_in_sight(table)
            top = table.scroll_offset.y
            assert seen == [str(item.size) for item in want[top : top + len(seen)]]
            await until(pilot, lambda: table.is_sorted)
            assert list(table.rows) == want
            assert sizes_in_sight(table) == seen


async def test_a_key_is_right_though_the_rest_is_not_sorted_yet() -> None:
    table = WatchedTable()
    given = many_items()
    by_name = COLUMNS[1]
    async with running(table) as pilot:
        table.show_rows(given)
        for is_descending in (False, True):
            want = Order(by_name, is_descending).sort(given)
            table.sort_by(by_name, is_descending=is_descending)
            table.action_last()
            assert table.cursor_row == want[-1]
            table.sort_by(None)
            table.sort_by(by_name, is_descending=is_descending)
            table.action_first()
            assert table.cursor_row == want[0]
            table.sort_by(by_name, is_descending=is_descending)
            table.mark_where(lambda item: item.id % 5_000 == 7)
            assert table.marked == tuple(item for item in want if item.id % 5_000 == 7)
            table.clear_marks()
        await pilot.pause()


async def test_what_is_sorted_for_a_former_key_is_dropped() -> None:
    table = WatchedTable()
    given = many_items()
    by_name, by_size = COLUMNS[1], COLUMNS[2]
    async with running(table) as pilot:
        table.show_rows(given)
        table.move_cursor(9_999)
        table.sort_by(by_name)
        table.sort_by(by_size)
        table.show_rows(kept := [item for item in given if item.id % 2])
        assert table.cursor_row == given[9_999]
        await until(pilot, lambda: table.is_sorted)
        assert list(table.rows) == Order(by_size, True).sort(kept)
        assert table.cursor_row == given[9_999]
        table.show_rows(few := given[:50])
        assert list(table.rows) == Order(by_size, True).sort(few)


class Given(list[Item]):
    """Rows of which it can be told whether somebody still holds them."""


def test_a_sorting_that_is_dropped_is_gone_without_a_collection_of_garbage() -> None:
    rows = Given(many_items())
    values = sort_values(COLUMNS[1], rows)
    sorting = Sorting(Order(COLUMNS[1]), rows, values)
    assert not sorting.go_on()
    is_held = weakref.ref(rows)
    gc.disable()
    try:
        del sorting, rows
        assert is_held() is None
    finally:
        gc.enable()


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.integers(0, 6), st.integers(0, 10_000)), max_size=300),
    wanted=st.one_of(st.none(), st.integers(-5, 10_005)),
    share=st.floats(0, 1),
    is_descending=st.booleans(),
)
def test_rows_said_to_be_ready_are_where_they_belong(
    values: list[int | None], wanted: int | None, share: float, is_descending: bool
) -> None:
    given_items = [Item(n, "", value) for n, value in enumerate(values)]
    order = Order(COLUMNS[2], is_descending)
    want = order.sort(given_items)
    sorting = Sorting(order, given_items, values, at=share, value=wanted)
    assert sorted(item.id for item in sorting.rows) == list(range(len(values)))
    assert [sorting.rows[place] for place in sorting.ready] == [want[place] for place in sorting.ready]
    assert list(sorting.finish()) == want
