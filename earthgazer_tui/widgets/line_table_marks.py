"""Which rows of a table are marked, by their keys; knows nothing of the rows themselves."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence


class Marks:
    """Marks on the rows that are loaded and, where more match than that, on those too."""

    def __init__(self) -> None:
        self._keys: set[Hashable] = set()
        self._anchor: Hashable = None
        self.is_all_matching = False
        """Whether everything that matches is meant: rows that aren't loaded, and those yet to come."""

    def __contains__(self, key: Hashable) -> bool:
        return key in self._keys

    def __bool__(self) -> bool:
        return self.is_all_matching or bool(self._keys)

    def show(self, keys: Collection[Hashable]) -> None:
        """Take note of which rows there are now: those gone lose their mark."""
        if self.is_all_matching:
            self._keys = set(keys)
        else:
            self._keys.intersection_update(keys)

    def toggle(self, key: Hashable) -> None:
        """Mark or unmark one row, from which a range may go on."""
        self.is_all_matching = False
        self._keys ^= {key}
        self._anchor = key

    def extend(self, keys: Sequence[Hashable], cursor: int) -> None:
        """Mark all from the row last marked to the one under the cursor; without the former that one alone.

        Args:
            keys: Keys of all rows in the order shown.
            cursor: Place of the cursor among them.
        """
        places = [place for place, key in enumerate(keys) if key == self._anchor]
        start = places[0] if places else cursor
        self._keys.update(keys[min(start, cursor) : max(start, cursor) + 1])
        self._anchor = keys[cursor]

    def toggle_all(self, keys: Collection[Hashable], *, are_more: bool) -> None:
        """Mark all rows, or none where all are marked.

        Args:
            keys: Keys of the rows that are loaded.
            are_more: Whether more match than these.
        """
        is_all = len(self._keys) == len(keys)
        self._keys = set() if is_all else set(keys)
        self.is_all_matching = are_more and not is_all

    def mark_only(self, keys: Collection[Hashable]) -> None:
        """Mark these, in place of those marked before."""
        self._keys = set(keys)
        self.is_all_matching = False

    def clear(self) -> None:
        """Unmark everything."""
        self._keys.clear()
        self.is_all_matching = False

    def note(self, loaded: int, total: int | None, *, is_cut: bool) -> str:
        """Return how many rows are marked, and how many of those that match are loaded.

        Args:
            loaded: Rows that are loaded.
            total: How many match in all, where that was counted.
            is_cut: Whether more match than are loaded.
        """
        parts = []
        if self.is_all_matching:
            parts.append("all that match marked" if total is None else f"all {_grouped(total)} marked")
        elif self._keys:
            parts.append(f"{_grouped(len(self._keys))} marked")
        if is_cut:
            of = "more" if total is None else _grouped(total)
            parts.append(f"{_grouped(loaded)} of {of} loaded")
        return ", ".join(parts)


def _grouped(n: int) -> str:
    """Return a number in groups of three digits: ``12 345``."""
    return f"{n:,}".replace(",", " ")
