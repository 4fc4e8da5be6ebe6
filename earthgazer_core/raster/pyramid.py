"""Full resolution and overviews of a raster, compressed in passing while its windows come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from earthgazer_core.raster.layout import BLOCK_PX, Layout

Pixels = npt.NDArray[Any]
"""(band, height, width), as computed."""


class Level:
    """One resolution: gathers windows into strips of whole tiles, and hands them, halved, to the next.

    A tile is compressed once only, whatever windows its pixels came in; no more is held than the strips
    that are not yet full.

    Args:
        create: Opens the file of a resolution: its number, 0 is the full one, and its (height, width).
        layout: How pixels are stored.
        shape: (height, width) of this resolution.
        number: Its number.
    """

    def __init__(
        self,
        create: Callable[[int, tuple[int, int]], DatasetWriter],
        layout: Layout,
        shape: tuple[int, int],
        number: int = 0,
    ) -> None:
        self._layout, self._shape = layout, shape
        self._strips: dict[int, Pixels] = {}
        self._missing: dict[int, int] = {}
        self._spare: list[Pixels] = []
        self._dataset = create(number, shape)
        height, width = shape
        # Elsewhere pixels would have to be weighed by the part of them that falls into one of the overview.
        is_halved = layout.is_averaged and max(shape) > BLOCK_PX and height % 2 == 0 and width % 2 == 0
        self.coarser = Level(create, layout, (height // 2, width // 2), number + 1) if is_halved else None

    def write(self, pixels: Pixels, window: Window) -> None:
        """Take the pixels of a window; none may come twice."""
        row, column = int(window.row_off), int(window.col_off)
        height, width = pixels.shape[1:]
        for number in range(row // BLOCK_PX, -(-(row + height) // BLOCK_PX)):
            top = number * BLOCK_PX
            begin, end = max(row, top), min(row + height, top + BLOCK_PX)
            strip = self._strip(number)
            strip[:, begin - top : end - top, column : column + width] = pixels[:, begin - row : end - row]
            self._missing[number] -= (end - begin) * width
            if self._missing[number] == 0:
                self._store(number)

    def close(self) -> None:
        """Finish the files of this and all coarser resolutions."""
        self._dataset.close()
        if self.coarser is not None:
            self.coarser.close()

    def _strip(self, number: int) -> Pixels:
        if number not in self._strips:
            rows = min(BLOCK_PX, self._shape[0] - number * BLOCK_PX)
            if self._spare:
                buffer = self._spare.pop()
            else:
                bands = len(self._layout.bands)
                full = min(BLOCK_PX, self._shape[0])
                buffer = np.empty((bands, full, self._shape[1]), dtype=self._layout.computed_dtype)
            self._strips[number] = buffer[:, :rows]
            self._missing[number] = rows * self._shape[1]
        return self._strips[number]

    def _store(self, number: int) -> None:
        strip = self._strips.pop(number)
        del self._missing[number]
        top = number * BLOCK_PX
        for left in range(0, self._shape[1], BLOCK_PX):
            # All bands of a tile together: their pixels are stored side by side.
            tile = strip[:, :, left : left + BLOCK_PX]
            window = Window(left, top, tile.shape[2], tile.shape[1])
            self._dataset.write(self._layout.stored(tile), window=window)
        if self.coarser is not None:
            half = _halved(strip)
            self.coarser.write(half, Window(0, top // 2, half.shape[2], half.shape[1]))
        if strip.base is not None and strip.shape[1] == BLOCK_PX:
            self._spare.append(strip)


def _halved(pixels: Pixels) -> Pixels:
    """Return the mean of each two by two pixels, of those of them that are not NaN."""
    upper, lower = pixels[:, 0::2], pixels[:, 1::2]
    pairs = upper + lower
    half: Pixels = pairs[:, :, 0::2] + pairs[:, :, 1::2]
    half *= 0.25
    band, row, column = np.nonzero(np.isnan(half))
    if band.size:
        four = np.stack(
            [part[band, row, 2 * column + step] for part in (upper, lower) for step in (0, 1)]
        )  # fmt: skip
        known = ~np.isnan(four)
        count = known.sum(axis=0, dtype=np.float32)
        four[~known] = 0
        with np.errstate(invalid="ignore"):
            half[band, row, column] = four.sum(axis=0) / count
    return half
