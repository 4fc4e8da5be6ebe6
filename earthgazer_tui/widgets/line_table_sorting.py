"""Sorting many rows: those that are looked at first, the others a slice at a time."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, Generic

from earthgazer_tui.widgets.column import Column, Row
from earthgazer_tui.widgets.line_table_order import Order
from earthgazer_tui.widgets.ordered import Ordered, places_of

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
        self._given = rows
        self._values = values
        self._known: Sequence[int] = range(len(rows))
        self._unknown: Sequence[int] = ()
        if None in values:
            self._known = places_of(place for place, one in enumerate(values) if one is not None)
            self._unknown = places_of(place for place, one in enumerate(values) if one is None)
        sample = sorted(map(values.__getitem__, self._known[:: max(1, len(self._known) // SAMPLES)]))
        self.rows, self.ready = self._page_first(sample, at, value)
        """The rows as far as they are sorted, and the places that will not change any more."""
        # It must not know this object: of what is dropped in a circle, all lists would wait for a collection.
        self._steps = _in_slices(values, self._known, sample, is_descending=self._is_descending)
        self.is_done = len(self.ready) == len(self.rows)

    def go_on(self) -> bool:
        """Sort a slice; return whether all is sorted."""
        if not self.is_done:
            try:
                next(self._steps)
            except StopIteration as done:
                in_order: array[int] = done.value
                in_order.extend(self._unknown)
                self.rows = Ordered(self._given, in_order)
                self.ready = range(len(in_order))
                self.is_done = True
        return self.is_done

    def finish(self) -> Ordered[Row]:
        """Return all rows, sorted."""
        while not self.go_on():
            pass
        return self.rows

    def _page_first(self, sample: Sequence[Any], at: float, value: Any) -> tuple[Ordered[Row], range]:
        share = 1.0 - at if self._is_descending else at
        first = last = int(share * len(sample))
        if value is not None:
            first, last = bisect_left(sample, value), bisect_right(sample, value)
        low, high = max(0, first - REACH), last + REACH
        return self._parted(
            sample[min(low, len(sample) - 1)] if low else None,
            sample[high] if high < len(sample) else None,
        )

    def _parted(self, low: Any, high: Any) -> tuple[Ordered[Row], range]:
        """Return the rows with those from a value up to another where they belong; and where those are.

        Rows of either value are with the sorted: those of one value stay together. Which of the others are
        before and after them is not looked into, only how many: each pass over all values takes its time.
        """
        values, known = self._values, self._known
        of = (
            enumerate(values)
            if not self._unknown
            else zip(known, map(values.__getitem__, known), strict=True)
        )
        if low is None:
            between = [place for place, one in of if high is None or one <= high]
        elif high is None:
            between = [place for place, one in of if low <= one]
        else:
            between = [place for place, one in of if low <= one <= high]
        others = self._others(between)
        above = 0 if high is None else len(others)
        if low is not None and high is not None:
            above = sum([one > high for one in map(values.__getitem__, others)])
        first = above if self._is_descending else len(others) - above
        in_order = others[:first]
        between.sort(key=values.__getitem__, reverse=self._is_descending)
        in_order.extend(between)
        in_order += others[first:]
        stop = first + len(between)
        in_order.extend(self._unknown)
        return Ordered(self._given, in_order), range(first, stop if stop < len(known) else len(self._given))

    def _others(self, chosen: Iterable[int]) -> array[int]:
        """Return the places of known values but for those chosen, which are in their natural order."""
        if self._unknown:
            left_out = set(chosen)
            return places_of(place for place in self._known if place not in left_out)
        others, at = places_of(()), 0
        everything = places_of(self._known)
        for place in chosen:
            others += everything[at:place]
            at = place + 1
        others += everything[at:]
        return others


def _in_slices(
    values: Sequence[Any], known: Sequence[int], sample: Sequence[Any], *, is_descending: bool
) -> Generator[None, None, array[int]]:
    """Sort known places by their values, yielding between two slices; return them."""
    runs = []
    for start in range(0, len(known), SLICE):
        run = sorted(known[start : start + SLICE], key=values.__getitem__, reverse=is_descending)
        runs.append(places_of(run))
        yield
    # Of runs that are sorted, a range of values is quick: it is only merged.
    merged = places_of(())
    starts = [0] * len(runs)
    for is_beyond in (*_cuts(values, len(known), sample, is_descending=is_descending), None):
        stops = [
            len(run) if is_beyond is None else bisect_left(run, True, lo=start, key=is_beyond)
            for run, start in zip(runs, starts, strict=True)
        ]
        parts = [run[a:b] for run, a, b in zip(runs, starts, stops, strict=True)]
        merged.extend(sorted(chain.from_iterable(parts), key=values.__getitem__, reverse=is_descending))
        starts = stops
        yield
    return merged


def _cuts(
    values: Sequence[Any], n: int, sample: Sequence[Any], *, is_descending: bool
) -> Iterator[Callable[[int], bool]]:
    """Yield, for values that part all into slices, whether a place comes after those before that value."""
    step = max(1, SLICE * len(sample) // max(1, n))
    # Each once, since many rows may have one value: all of those are in one slice.
    cuts = list(dict.fromkeys(sample[step::step]))
    for cut in reversed(cuts) if is_descending else cuts:
        yield partial(_is_below if is_descending else _is_from, values, cut)


def _is_below(values: Sequence[Any], cut: Any, place: int) -> bool:
    return bool(values[place] < cut)


def _is_from(values: Sequence[Any], cut: Any, place: int) -> bool:
    return bool(values[place] >= cut)
