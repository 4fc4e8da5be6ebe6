"""The order of a table's rows: as given, or by one of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from earthgazer_tui.widgets.column import Column, Row


@dataclass(frozen=True)
class Order(Generic[Row]):
    """By what rows are sorted, and which way."""

    column: Column[Row] | None = None
    """The column; None leaves the rows as given."""
    is_descending: bool = False
    """Whether the greatest value comes first."""

    def by(self, column: Column[Row] | None, is_descending: bool | None = None) -> Order[Row]:
        """Return the order by a column.

        Args:
            column: The column; None for as given.
            is_descending: Which way; without, the column's own way, and the other one where it is sorted by
                that already.
        """
        if column is None:
            return Order()
        if is_descending is None:
            is_descending = not self.is_descending if column is self.column else column.sort_descending
        return Order(column, is_descending)

    def sign(self, column: Column[Row]) -> str:
        """Return the sign at a column's title."""
        return "" if column is not self.column else ("▾" if self.is_descending else "▴")

    def sort(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows in this order; those whose value isn't known come last, either way."""
        if self.column is None or self.column.sort_key is None:
            return list(rows)
        # Asked once a row: of a hundred thousand rows it would otherwise take longer than the sorting.
        values = list(map(self.column.sort_key, rows))
        known = [place for place, value in enumerate(values) if value is not None]
        known.sort(key=values.__getitem__, reverse=self.is_descending)
        in_order = [rows[place] for place in known]
        if len(known) < len(rows):
            in_order += [row for row, value in zip(rows, values, strict=True) if value is None]
        return in_order
