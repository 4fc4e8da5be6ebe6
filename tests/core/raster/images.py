"""Small images for tests, made where they are needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.crs import CRS

from earthgazer_core.raster.source import BandSource

UTM33_10M = Affine(10, 0, 500_000, 0, -10, 5_000_000)
"""10 m pixels from 15° E, about 45.2° N."""


def write_image(
    path: Path,
    values: npt.NDArray[Any],
    *,
    transform: Affine = UTM33_10M,
    crs: str | None = "EPSG:32633",
    **options: Any,
) -> str:
    """Write one band as a GeoTIFF, or as ``driver`` says, and return its path."""
    height, width = values.shape
    profile = {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": 1,
        "dtype": values.dtype,
        **options,
    }
    with rasterio.open(
        path, "w", crs=CRS.from_string(crs) if crs else None, transform=transform, **profile
    ) as out:
        out.write(values, 1)
    return str(path)


def reflectance(band: str, path: str | Path, *, nodata: float | None = 0.0) -> BandSource:
    """Return a source of Sentinel-2 numbers without an offset."""
    return BandSource(band, str(path), 1e-4, 0.0, nodata)


def read(path: Path, band: int = 1) -> npt.NDArray[np.float64]:
    """Return one band of a file, double precision."""
    with rasterio.open(path) as dataset:
        return np.asarray(dataset.read(band), dtype=np.float64)
