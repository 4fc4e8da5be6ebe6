"""Small pictures of rasters, read from their overviews."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.enums import Resampling
from rasterio.io import DatasetReader

from earthgazer_core.raster.dataset import open_dataset
from earthgazer_core.raster.result import Preview

LONG_SIDE_PX = 96
"""Longest side of a preview."""
_RAMP_AT = (-0.2, 0.0, 0.1, 0.3, 0.6, 0.9)
_RAMP_RGB = ((44, 90, 140), (190, 178, 160), (206, 190, 130), (178, 196, 90), (60, 140, 50), (8, 72, 24))
"""Water blue, bare soil tan, then ever deeper green."""


def index_preview(path: Path) -> Preview:
    """Return a picture of a one-band index: blue, tan, then green; transparent where not valid."""
    with open_dataset(str(path)) as dataset:
        height, width = _size(dataset)
        stored = dataset.read(1, out_shape=(height, width), resampling=Resampling.average, masked=True)
        values = stored.astype(np.float64).filled(np.nan) * dataset.scales[0] + dataset.offsets[0]
    rgba = np.zeros((height, width, 4), dtype=np.uint8)
    known = np.isfinite(values)
    for channel, levels in enumerate(zip(*_RAMP_RGB, strict=True)):
        rgba[known, channel] = np.interp(values[known], _RAMP_AT, levels).astype(np.uint8)
    rgba[known, 3] = 255
    return _preview(rgba)


def picture_preview(path: Path) -> Preview:
    """Return a small copy of a picture in red, green, blue and alpha."""
    with open_dataset(str(path)) as dataset:
        shape = _size(dataset)
        bands = dataset.read(out_shape=(4, *shape), resampling=Resampling.average)
    bands[3] = np.where(bands[3] >= 128, 255, 0)
    return _preview(np.moveaxis(bands, 0, -1))


def _size(dataset: DatasetReader) -> tuple[int, int]:
    shrink = min(1.0, LONG_SIDE_PX / max(dataset.height, dataset.width))
    return max(1, round(dataset.height * shrink)), max(1, round(dataset.width * shrink))


def _preview(rgba: npt.NDArray[np.uint8]) -> Preview:
    height, width, _ = rgba.shape
    return Preview(width, height, np.ascontiguousarray(rgba).tobytes())
