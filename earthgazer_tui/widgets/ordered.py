"""A sequence in another order than it has, as places in it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar, overload

T = TypeVar("T")


def places_of(places: Iterable[int]) -> array[int]:
    """Return places as a collection of garbage does not look into them."""
    return array("I", places)


class Ordered(Sequence[T], Generic[T]):
    """The items of a sequence in another order.

    A list of a hundred thousand items in a random order takes the next collection of garbage 20 ms, for it
    visits each of them twice; an array of numbers is not looked into.
    """

    def __init__(self, items: Sequence[T], places: array[int]) -> None:
        self._items = items
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return Ordered(self._items, self._places[index])
        return self._items[self._places[index]]

    def place_of(self, index: int) -> int:
        """Return where an item is that is at ``index`` in the original order; it must be there."""
        return self._places.index(index)

    def __iter__(self) -> Iterator[T]:
        return map(self._items.__getitem__, self._places)
