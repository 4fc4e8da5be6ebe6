"""Compressing the tiles of a TIFF: predictor, then codec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard

from earthgazer_core.raster.layout import BLOCK_PX, Layout

try:
    # Several times as fast as zlib and libdeflate, at the same size; not built for every processor.
    from isal import isal_zlib as zlib
except ImportError:
    import zlib  # type: ignore[no-redef]

_LEVEL = 1
"""Of either codec. Mantissas are noise: higher levels take longer and make nothing smaller."""
_ROWS = 128
"""Rows that a predictor takes at once: what lies in between takes a quarter of the tile's memory."""
_CODECS: dict[str, Callable[[Any], bytes]] = {
    "DEFLATE": lambda data: zlib.compress(data, _LEVEL),
    "ZSTD": lambda data: zstandard.compress(data, _LEVEL),
}

Pixels = npt.NDArray[Any]


def predictor(dtype: str) -> int:
    """Return TIFF's number of the predictor for a type: by bytes for floating point, else horizontal."""
    return 3 if dtype.startswith("float") else 2


def encoded(pixels: Pixels, layout: Layout) -> bytes:
    """Return the pixels of one tile as they stand in the file.

    Args:
        pixels: (band, height, width), as stored; a tile at the edge may be smaller than :data:`BLOCK_PX`.
        layout: How they are stored.
    """
    bands, height, width = pixels.shape
    if (height, width) != (BLOCK_PX, BLOCK_PX):
        # What lies beyond the edge is never read; the last pixels again compress best.
        pixels = np.pad(pixels, ((0, 0), (0, BLOCK_PX - height), (0, BLOCK_PX - width)), mode="edge")
    steps = np.empty((BLOCK_PX, BLOCK_PX * bands * pixels.dtype.itemsize), dtype=np.uint8)
    for top in range(0, BLOCK_PX, _ROWS):
        part = slice(top, top + _ROWS)
        _predict(pixels[:, part], predictor(layout.dtype), steps[part])
    return _CODECS[layout.compression](steps)


def _predict(pixels: Pixels, kind: int, out: npt.NDArray[np.uint8]) -> None:
    """Fill in what a predictor leaves of rows: of each number, what it is more than the one before it."""
    bands, height, _ = pixels.shape
    # Interleaved by pixel, and little-endian.
    ordered = pixels.dtype.newbyteorder("<")
    rows = pixels.transpose(1, 2, 0).astype(ordered, order="C", copy=False).reshape(height, -1)
    steps: npt.NDArray[Any] = out
    if kind == 3:
        # The most significant bytes of a row first, then the next ones.
        planes = rows.view(np.uint8).reshape(*rows.shape, -1)[:, :, ::-1].transpose(0, 2, 1)
        rows = np.ascontiguousarray(planes).reshape(height, -1)
    else:
        steps = out.view(ordered)
    steps[:, :bands] = rows[:, :bands]
    np.subtract(rows[:, bands:], rows[:, :-bands], out=steps[:, bands:])
