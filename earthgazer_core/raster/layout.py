"""How the pixels of a raster are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp

BLOCK_PX = 512
"""Side of a tile of the output."""
INT16_STEP = 1e-4
"""What one whole number stands for where values are stored as int16."""
INT16_NODATA = -32768
"""Whole number of pixels that are not valid."""


class StoredRangeError(ValueError):
    """A value is further from 0 than the whole numbers of its file reach."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a raster is stored."""

    dtype: str
    """``float32``, ``int16`` or ``uint8``."""
    bands: tuple[str, ...]
    """Description of each band."""
    units: str = ""
    """Unit of the values; empty for none."""
    nodata: float | None = None
    """Value of pixels that are not valid."""
    colors: tuple[ColorInterp, ...] | None = None
    """Meaning of each band in a picture."""
    compression: str = "DEFLATE"
    """Codec: DEFLATE is read everywhere, ZSTD is faster and smaller."""
    step: float | None = None
    """What a stored number is multiplied with to give the value; None where it is the value."""

    @property
    def computed_dtype(self) -> str:
        """Type of the pixels before they are stored."""
        return self.dtype if self.step is None else "float32"

    @property
    def is_averaged(self) -> bool:
        """Whether a coarser pixel is the plain mean of those finer ones that are not NaN."""
        return self.computed_dtype == "float32"

    def stored(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return pixels as they stand in the file.

        Raises:
            StoredRangeError: one of them doesn't fit.
        """
        if self.step is None:
            return pixels
        numbers = pixels * np.float32(1 / self.step)
        np.rint(numbers, out=numbers)
        low, high = float(numbers.min()), float(numbers.max())
        # NaN where some pixel is.
        is_known = low == low
        if not is_known:
            low, high = float(np.fmin.reduce(numbers, axis=None)), float(np.fmax.reduce(numbers, axis=None))
        if low <= INT16_NODATA or high >= -INT16_NODATA:
            raise StoredRangeError(f"{low * self.step:g} to {high * self.step:g}")
        if not is_known:
            numbers[np.isnan(numbers)] = INT16_NODATA
        return numbers.astype(np.int16)
