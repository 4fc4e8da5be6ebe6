"""Sorting many rows: those that are looked at first, the others a slice at a time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, compress
from typing import Any, Generic

from earthgazer_tui.widgets.column import Column, Row
from earthgazer_tui.widgets.line_table_order import Order

SAMPLES = 1024
"""Values by which the whereabouts of the others are estimated."""
REACH = 4
"""Samples on either side of the wanted place whose rows are sorted first: some hundreds of 100,000."""
SLICE = 8_192
"""Rows that are sorted between two looks at the keyboard."""


def sort_values(column: Column[Row], rows: Sequence[Row]) -> list[Any]:
    """Return what rows are sorted by, each asked once."""
    return [] if column.sort_key is None else list(map(column.sort_key, rows))


class Sorting(Generic[Row]):
    """All rows, those around one place where they belong already, the others before or after them.

    Work that is no longer wanted is dropped with the object.
    """

    def __init__(
        self,
        order: Order[Row],
        rows: Sequence[Row],
        values: Sequence[Any],
        *,
        at: float = 0.0,
        value: Any = None,
    ) -> None:
        """Put the rows around one place where they belong.

        Args:
            order: By what to sort; its column must be sortable.
            rows: The rows as given.
            values: What each of them is sorted by, as of :func:`sort_values`.
            at: The place to look at, as a share of all rows.
            value: The value to look at, in place of ``at``.
        """
        self._is_descending = order.is_descending
        # No pair is made of a row and its value: so many would set off a collection of all garbage.
        is_known = [one is not None for one in values] if None in values else None
        self._unknown: list[Row] = []
        if is_known is not None:
            self._unknown = [row for row, is_one in zip(rows, is_known, strict=True) if not is_one]
            rows, values = list(compress(rows, is_known)), list(compress(values, is_known))
        self._known = rows
        self._values = values
        self.rows, self.ready = self._page_first(at, value)
        """The rows as far as they are sorted, and the places that will not change any more."""
        self._steps = self._sort()
        self.is_done = len(self.ready) == len(self.rows)

    def go_on(self) -> bool:
        """Sort a slice; return whether all is sorted."""
        if not self.is_done:
            next(self._steps, None)
        return self.is_done

    def finish(self) -> list[Row]:
        """Return all rows, sorted."""
        while not self.go_on():
            pass
        return self.rows

    def _page_first(self, at: float, value: Any) -> tuple[list[Row], range]:
        sample = sorted(self._values[:: max(1, len(self._values) // SAMPLES)])
        share = 1.0 - at if self._is_descending else at
        first = last = int(share * len(sample))
        if value is not None:
            first, last = bisect_left(sample, value), bisect_right(sample, value)
        low, high = max(0, first - REACH), last + REACH
        return self._parted(
            sample[min(low, len(sample) - 1)] if low else None,
            sample[high] if high < len(sample) else None,
        )

    def _parted(self, low: Any, high: Any) -> tuple[list[Row], range]:
        """Return the rows below a value, those up to another, sorted, those above; and where the sorted are.

        Rows of either value are with the sorted: those of one value stay together.
        """
        values, rows = self._values, self._known
        below = [] if low is None else [row for one, row in zip(values, rows, strict=True) if one < low]
        above = [] if high is None else [row for one, row in zip(values, rows, strict=True) if one > high]
        if low is None:
            between = [place for place, one in enumerate(values) if high is None or one <= high]
        elif high is None:
            between = [place for place, one in enumerate(values) if low <= one]
        else:
            between = [place for place, one in enumerate(values) if low <= one <= high]
        between.sort(key=values.__getitem__, reverse=self._is_descending)
        first, last = (above, below) if self._is_descending else (below, above)
        in_order = [*first, *map(rows.__getitem__, between), *last, *self._unknown]
        return in_order, range(len(first), len(first) + len(between) if last else len(in_order))

    def _sort(self) -> Iterator[None]:
        values = self._values.__getitem__
        known = range(len(self._known))
        runs = []
        for start in range(0, len(known), SLICE):
            runs.append(sorted(known[start : start + SLICE], key=values, reverse=self._is_descending))
            yield
        # Of runs that are sorted, the whole is quick: they are only merged.
        merged = sorted(chain.from_iterable(runs), key=values, reverse=self._is_descending)
        yield
        self.rows = [*map(self._known.__getitem__, merged), *self._unknown]
        self.ready = range(len(self.rows))
        self.is_done = True
