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
    rows = np.ascontiguousarray(pixels.transpose(1, 2, 0)).reshape(BLOCK_PX, BLOCK_PX * bands)
    if predictor(layout.dtype) == 3:
        # The most significant bytes of a row first, then the next ones.
        by_byte = rows.astype(rows.dtype.newbyteorder("<"), copy=False).view(np.uint8)
        planes = by_byte.reshape(BLOCK_PX, BLOCK_PX * bands, -1)[:, :, ::-1].transpose(0, 2, 1)
        rows = np.ascontiguousarray(planes).reshape(BLOCK_PX, -1)
    else:
        rows = rows.astype(rows.dtype.newbyteorder("<"), copy=False)
    steps = np.empty_like(rows)
    steps[:, :bands] = rows[:, :bands]
    np.subtract(rows[:, bands:], rows[:, :-bands], out=steps[:, bands:])
    return _CODECS[layout.compression](steps)
