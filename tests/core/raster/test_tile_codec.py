from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.windows import Window

from earthgazer_core.raster.cog import writing_cog
from earthgazer_core.raster.grid import Grid
from earthgazer_core.raster.layout import Layout
from tests.core.raster.images import UTM33_10M


def _numbers(dtype: str, bands: int, height: int, width: int) -> npt.NDArray[Any]:
    rng = np.random.default_rng(3)
    if dtype == "float32":
        return rng.normal(0, 1e3, (bands, height, width)).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, (bands, height, width), dtype=dtype, endpoint=True)


@pytest.mark.parametrize("compression", ["DEFLATE", "ZSTD"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("bands", [1, 4])
@pytest.mark.parametrize(("height", "width"), [(512, 512), (700, 513), (3, 1)])
def test_gdal_reads_what_was_compressed(
    tmp_path: Path, compression: str, dtype: str, bands: int, height: int, width: int
) -> None:
    pixels = _numbers(dtype, bands, height, width)
    layout = Layout(dtype, tuple(f"b{n}" for n in range(bands)), compression=compression)
    grid = Grid(CRS.from_epsg(32633), UTM33_10M, (height, width))
    out = tmp_path / "o.tif"
    with writing_cog(out, grid, layout, {}, lambda _: None, 2) as raster:
        raster.write(pixels, Window(0, 0, width, height))
    with rasterio.open(out) as dataset:
        assert dataset.compression.value == compression
        assert dataset.dtypes == (dtype,) * bands
        assert np.array_equal(dataset.read(), pixels)
