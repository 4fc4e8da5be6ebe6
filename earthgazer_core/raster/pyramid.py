"""Full resolution and overviews of a raster, compressed in passing while its windows come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from earthgazer_core.raster.layout import BLOCK_PX, Layout
from earthgazer_core.raster.tile_codec import encoded
from earthgazer_core.raster.tile_file import TileFile

Pixels = npt.NDArray[Any]
"""(band, height, width), as computed."""


class Level:
    """One resolution: gathers windows into strips of whole tiles, and hands them, halved, to the next.

    A tile is compressed once only, whatever windows its pixels came in; no more is held than the strips
    that are not yet full, and a few tiles that are being compressed.

    Args:
        create: Opens the file of a resolution: its number, 0 is the full one, and its (height, width).
        layout: How pixels are stored.
        shape: (height, width) of this resolution.
        pool: Threads that compress tiles.
        ahead: Tiles of a resolution that may wait for them.
        number: Its number.
    """

    def __init__(
        self,
        create: Callable[[int, tuple[int, int]], TileFile],
        layout: Layout,
        shape: tuple[int, int],
        pool: Executor,
        ahead: int,
        number: int = 0,
    ) -> None:
        self._layout, self._shape = layout, shape
        self._pool, self._ahead = pool, ahead
        self._strips: dict[int, Pixels] = {}
        self._missing: dict[int, int] = {}
        self._spare: list[Pixels] = []
        self._packing: deque[_Packing] = deque()
        self._file = create(number, shape)
        height, width = shape
        # Elsewhere pixels would have to be weighed by the part of them that falls into one of the overview.
        is_halved = layout.is_averaged and max(shape) > BLOCK_PX and height % 2 == 0 and width % 2 == 0
        self._coarser = (
            Level(create, layout, (height // 2, width // 2), pool, ahead, number + 1) if is_halved else None
        )

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

    def finish(self) -> None:
        """Finish the files of this and all coarser resolutions, once every pixel has come.

        Raises:
            UnwrittenError: the disk is full.
            StoredRangeError: a value doesn't fit.
        """
        self._put(leaving=0)
        self._file.finish()
        if self._coarser is not None:
            self._coarser.finish()

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
        across = -(-self._shape[1] // BLOCK_PX)
        for place in range(across):
            left = place * BLOCK_PX
            tile = strip[:, :, left : left + BLOCK_PX]
            packed = self._pool.submit(_packed, tile, self._layout, is_halved=self._coarser is not None)
            is_last = place == across - 1
            self._packing.append(
                _Packing(number * across + place, top // 2, left // 2, packed, strip if is_last else None)
            )
            self._put(leaving=self._ahead)

    def _put(self, leaving: int) -> None:
        """Write tiles until no more than so many are left to compress."""
        while len(self._packing) > leaving:
            one = self._packing.popleft()
            tile, half = one.packed.result()
            self._file.put(one.number, tile)
            if self._coarser is not None and half is not None:
                self._coarser.write(half, Window(one.left, one.top, half.shape[2], half.shape[1]))
            if one.strip is not None and one.strip.base is not None and one.strip.shape[1] == BLOCK_PX:
                self._spare.append(one.strip)


@dataclass(frozen=True, slots=True)
class _Packing:
    """A tile that is being compressed."""

    number: int
    """Its number in the file."""
    top: int
    """Where it lies in the next coarser resolution."""
    left: int
    """See ``top``."""
    packed: Future[tuple[bytes, Pixels | None]]
    """Its bytes, and what it is in the next coarser resolution."""
    strip: Pixels | None
    """Memory that nobody needs after it."""


def _packed(tile: Pixels, layout: Layout, *, is_halved: bool) -> tuple[bytes, Pixels | None]:
    return encoded(layout.stored(tile), layout), _halved(tile) if is_halved else None


def _halved(pixels: Pixels) -> Pixels:
    """Return the mean of each two by two pixels, of those of them that are not NaN."""
    half = _quads(pixels)
    if np.isnan(half).any():
        known = ~np.isnan(pixels)
        with np.errstate(invalid="ignore"):
            half = _quads(np.where(known, pixels, np.float32(0)))
            half /= _quads(known.astype(np.float32))
    else:
        half *= 0.25
    return half


def _quads(pixels: Pixels) -> Pixels:
    """Return the sum of each two by two pixels."""
    pairs = pixels[:, 0::2] + pixels[:, 1::2]
    sums: Pixels = pairs[:, :, 0::2] + pairs[:, :, 1::2]
    return sums
