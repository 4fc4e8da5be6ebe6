"""Memory that is used again instead of being given back: what was never touched costs more than most work."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class Spare:
    """Arrays of one type that nobody needs at the moment; any thread may take and give.

    Args:
        dtype: Type of their numbers.
    """

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._dtype = dtype
        self._arrays: list[npt.NDArray[Any]] = []

    def take(self, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Return an array of this shape, its values arbitrary."""
        try:
            array = self._arrays.pop()
        except IndexError:
            return np.empty(shape, dtype=self._dtype)
        return array if array.shape == shape else np.empty(shape, dtype=self._dtype)

    def give(self, array: npt.NDArray[Any]) -> None:
        """Take an array back that nobody will look at any more."""
        self._arrays.append(array)

    def clear(self) -> None:
        """Give all of it back."""
        self._arrays.clear()
