"""Full resolution and overviews of a raster, compressed in passing while its windows come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from earthgazer_core.raster.layout import BLOCK_PX, Layout
from earthgazer_core.raster.spare import Spare
from earthgazer_core.raster.tile_codec import encoded
from earthgazer_core.raster.tile_file import TileFile

Pixels = npt.NDArray[Any]
"""(band, height, width), as computed."""


class Level:
    """One resolution: gathers windows into tiles, compresses these and hands them, halved, to the next.

    A tile is compressed once only, whatever windows its pixels came in; no more is held than the tiles
    that are not yet full, and a few that are being compressed.

    Args:
        create: Opens the file of a resolution: its number, 0 is the full one, and its (height, width).
        layout: How pixels are stored.
        shape: (height, width) of this resolution.
        pool: Threads that compress tiles.
        ahead: Tiles of a resolution that may wait for them.
        number: Its number.
        spare: Memory for tiles, shared by all resolutions.
    """

    def __init__(
        self,
        create: Callable[[int, tuple[int, int]], TileFile],
        layout: Layout,
        shape: tuple[int, int],
        pool: Executor,
        ahead: int,
        number: int = 0,
        spare: Spare | None = None,
    ) -> None:
        self._layout, self._shape = layout, shape
        self._pool, self._ahead = pool, ahead
        self._spare = spare or Spare(layout.computed_dtype)
        self._across = -(-shape[1] // BLOCK_PX)
        self._tiles: dict[int, _Gathering] = {}
        self._packing: deque[_Packing] = deque()
        self._file = create(number, shape)
        height, width = shape
        # Elsewhere pixels would have to be weighed by the part of them that falls into one of the overview.
        is_halved = layout.is_averaged and max(shape) > BLOCK_PX and height % 2 == 0 and width % 2 == 0
        self._coarser: Level | None = None
        if is_halved:
            half = (height // 2, width // 2)
            # Four tiles of this resolution come before one more of that, which is ready by then.
            self._coarser = Level(create, layout, half, pool, 1, number + 1, self._spare)

    def write(self, pixels: Pixels, window: Window) -> None:
        """Take the pixels of a window; none may come twice."""
        row, column = int(window.row_off), int(window.col_off)
        height, width = pixels.shape[1:]
        for top, rows in _cut(row, height):
            inside = slice(rows.start - top, rows.stop - top)
            for left, columns in _cut(column, width):
                number = top // BLOCK_PX * self._across + left // BLOCK_PX
                tile = self._tiles.get(number)
                if tile is None:
                    tile = self._tiles[number] = self._gathering(top, left)
                tile.pixels[:, inside, columns.start - left : columns.stop - left] = pixels[
                    :, rows.start - row : rows.stop - row, columns.start - column : columns.stop - column
                ]
                tile.missing -= (rows.stop - rows.start) * (columns.stop - columns.start)
                if tile.missing == 0:
                    self._pack(number, self._tiles.pop(number))

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
        self._spare.clear()

    def _gathering(self, top: int, left: int) -> _Gathering:
        height, width = min(BLOCK_PX, self._shape[0] - top), min(BLOCK_PX, self._shape[1] - left)
        memory = self._spare.take((len(self._layout.bands), BLOCK_PX, BLOCK_PX))
        return _Gathering(top, left, memory, memory[:, :height, :width], height * width)

    def _pack(self, number: int, tile: _Gathering) -> None:
        is_halved = self._coarser is not None
        packed = self._pool.submit(_packed, tile.pixels, self._layout, is_halved=is_halved)
        self._packing.append(_Packing(number, tile, packed))
        self._put(leaving=self._ahead)

    def _put(self, leaving: int) -> None:
        """Write tiles that are compressed, and wait until no more than so many are left."""
        while self._packing and (len(self._packing) > leaving or self._packing[0].packed.done()):
            one = self._packing.popleft()
            packed, half = one.packed.result()
            self._spare.give(one.tile.memory)
            self._file.put(one.number, packed)
            if self._coarser is not None and half is not None:
                place = Window(one.tile.left // 2, one.tile.top // 2, half.shape[2], half.shape[1])
                self._coarser.write(half, place)


@dataclass(slots=True)
class _Gathering:
    """A tile that is not yet full."""

    top: int
    """Its first row."""
    left: int
    """Its first column."""
    memory: Pixels
    """As large as any tile."""
    pixels: Pixels
    """The part of ``memory`` that lies in the raster."""
    missing: int
    """Pixels that are still to come."""


@dataclass(frozen=True, slots=True)
class _Packing:
    """A tile that is being compressed."""

    number: int
    """Its number in the file."""
    tile: _Gathering
    """Its pixels."""
    packed: Future[tuple[bytes, Pixels | None]]
    """Its bytes, and what it is in the next coarser resolution."""


def _cut(begin: int, length: int) -> Iterator[tuple[int, slice]]:
    """Cut a stretch of rows or columns at the edges of tiles; yield where each tile begins, and its part."""
    end = begin + length
    for first in range(begin - begin % BLOCK_PX, end, BLOCK_PX):
        yield first, slice(max(begin, first), min(end, first + BLOCK_PX))


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
