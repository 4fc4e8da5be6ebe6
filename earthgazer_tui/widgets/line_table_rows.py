"""The rows of a table in the order shown; of many those that are looked at are sorted first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import count
from operator import indexOf
from typing import Any, Generic

from earthgazer_tui.widgets.column import Row
from earthgazer_tui.widgets.line_table_order import Order
from earthgazer_tui.widgets.line_table_sorting import Sorting, sort_values
from earthgazer_tui.widgets.ordered import Ordered

MANY = 10_000
"""Rows from which those in sight are sorted first, and the others once the keys have been served."""


class Rows(Generic[Row]):
    """All rows of a table; whatever needs more of their order than is there completes it at once."""

    def __init__(self, key: Callable[[Row], Hashable]) -> None:
        """Begin without rows.

        Args:
            key: Identity of a row.
        """
        self._key = key
        self._given: Sequence[Row] = ()
        self._shown: Sequence[Row] = ()
        self._places: dict[Hashable, int] | None = None
        self._values: tuple[str, list[Any]] | None = None
        self.order: Order[Row] = Order()
        """By what they are sorted."""
        self.sorting: Sorting[Row] | None = None
        """What is still to be sorted; None where all rows are where they belong."""

    def __len__(self) -> int:
        return len(self._shown)

    def show(self, rows: Sequence[Row], around: Row | None, at: int) -> None:
        """Take these in place of the former; see :meth:`sort`."""
        self._values = None
        self._given = rows
        self.sort(around, at)

    def sort(self, around: Row | None, at: int) -> None:
        """Sort as :attr:`order` says, of many rows those that are looked at.

        Args:
            around: The row that is looked at; None where there is none.
            at: The place that is looked at, if that row's value isn't known.
        """
        # Whatever was being sorted before is no longer wanted.
        self.sorting = self._places = None
        rows, column = self._given, self.order.column
        if len(rows) < MANY:
            self._shown = self.order.sort(rows)
            return
        if column is None or column.sort_key is None:
            self._shown = rows
            return
        if self._values is None or self._values[0] != column.key:
            self._values = (column.key, sort_values(column, rows))
        value = None if around is None else column.sort_key(around)
        sorting = Sorting(self.order, rows, self._values[1], at=at / len(rows), value=value)
        self._shown = sorting.rows
        self.sorting = None if sorting.is_done else sorting

    def all(self) -> Sequence[Row]:
        """Return all rows in the order shown, sorting at once those that were put off."""
        if self.sorting is not None:
            self._shown = self.sorting.finish()
            self.sorting = None
        return self._shown

    def at(self, place: int) -> Row:
        """Return the row that belongs at a place."""
        if self.sorting is None or place in self.sorting.ready:
            return self._shown[place]
        return self.all()[place]

    @property
    def places(self) -> dict[Hashable, int]:
        """Where each row is, by its key; worked out when somebody asks."""
        if self._places is None:
            self._places = dict(zip(map(self._key, self.all()), count()))
        return self._places

    def place_of(self, row: Row) -> int | None:
        """Return where the row with the key of this one is; None where there is none."""
        # Sorting another way leaves the rows themselves: finding one takes a tenth of listing all keys.
        if self.sorting is not None:
            ready = self.sorting.ready
            place = _index(map(id, self._shown[ready.start : ready.stop]), id(row))
            if place is not None:
                return ready.start + place
        shown = self.all()
        # In the order in which they were made, since looking at them all in another takes four times as long.
        rows = self._given if isinstance(shown, Ordered) else shown
        place = _index(map(id, rows), id(row))
        if place is None:
            place = _index(map(self._key, rows), self._key(row))
        return place if place is None or not isinstance(shown, Ordered) else shown.place_of(place)


def _index(values: Iterable[Hashable], wanted: Hashable) -> int | None:
    """Return where a value is first; None where it isn't."""
    try:
        return indexOf(values, wanted)
    except ValueError:
        return None
