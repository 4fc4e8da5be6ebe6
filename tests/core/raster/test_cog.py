from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.windows import Window
from rio_cogeo.cogeo import cog_validate

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.raster import tiff
from earthgazer_core.raster.cog import writing_cog
from earthgazer_core.raster.grid import Grid
from earthgazer_core.raster.layout import Layout
from earthgazer_core.raster.products import make_index
from earthgazer_core.raster.source import BandSource
from tests.core.raster.images import UTM33_10M, read, reflectance, write_image

_TILE = "sentinel2/29RKH_20200219_L2A"

Pixels = npt.NDArray[np.float32]


def _write(out: Path, pixels: Pixels, windows: list[Window], layout: Layout) -> None:
    grid = Grid(CRS.from_epsg(32633), UTM33_10M, pixels.shape[1:])
    with writing_cog(out, grid, layout, {"product": "test"}, lambda _: None, 2) as raster:
        for window in windows:
            (row0, row1), (col0, col1) = window.toranges()  # type: ignore[no-untyped-call]
            raster.write(pixels[:, row0:row1, col0:col1], window)


def _windows(height: int, width: int, rows: int, columns: int) -> list[Window]:
    return [
        Window(left, top, min(columns, width - left), min(rows, height - top))
        for top in range(0, height, rows)
        for left in range(0, width, columns)
    ]


def _floats(*bands: str) -> Layout:
    return Layout("float32", bands, nodata=float("nan"))


def _with_holes(bands: int, height: int, width: int) -> Pixels:
    rng = np.random.default_rng(11)
    pixels = rng.normal(0.3, 0.2, (bands, height, width)).astype(np.float32)
    pixels[:, rng.random((height, width)) < 0.3] = np.nan
    pixels[:, : height // 3, : width // 3] = np.nan
    return pixels


@pytest.mark.parametrize(("rows", "columns"), [(512, 512), (47, 2048), (700, 300), (2048, 64)])
@pytest.mark.parametrize("bands", [1, 3])
def test_pixels_and_overviews_are_right_whatever_windows_they_come_in(
    tmp_path: Path, rows: int, columns: int, bands: int
) -> None:
    pixels = _with_holes(bands, 2048, 1536)
    out = tmp_path / "o.tif"
    layout = _floats(*(f"b{n}" for n in range(bands)))
    _write(out, pixels, _windows(2048, 1536, rows, columns), layout)

    is_valid, errors, warnings = cog_validate(out, strict=True)
    assert is_valid, (errors, warnings)
    with rasterio.open(out) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.overviews(1) == [2, 4]
        assert np.array_equal(dataset.read(), pixels, equal_nan=True)
    four = pixels.reshape(bands, 1024, 2, 768, 2)
    known = np.isfinite(four).sum(axis=(2, 4))
    mean = np.where(known > 0, np.nansum(four, axis=(2, 4)) / np.maximum(known, 1), np.nan)
    with rasterio.open(out, overview_level=0) as half:
        np.testing.assert_allclose(half.read(), mean, rtol=0, atol=1e-6)


def test_an_odd_size_keeps_its_overviews_in_place(tmp_path: Path) -> None:
    height, width = 1501, 1027
    pixels = np.broadcast_to(np.arange(width, dtype=np.float32), (1, height, width))
    out = tmp_path / "o.tif"
    _write(out, pixels, _windows(height, width, 512, 512), _floats("x"))
    for level in (0, 1):
        with rasterio.open(out, overview_level=level) as coarse:
            shrink = width / coarse.width
            expected = (np.arange(coarse.width) + 0.5) * shrink - 0.5
            assert coarse.read(1)[coarse.height // 2] == pytest.approx(expected, abs=shrink / 2)


def test_a_file_beyond_four_gigabytes_has_offsets_of_64_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = _with_holes(1, 1100, 1100)
    monkeypatch.setattr(tiff, "_CLASSIC_LIMIT", 0)
    out = tmp_path / "o.tif"
    _write(out, pixels, _windows(1100, 1100, 512, 512), _floats("x"))
    assert out.read_bytes()[2] == 43
    assert cog_validate(out, strict=True)[0]
    with rasterio.open(out) as dataset:
        assert np.array_equal(dataset.read(), pixels, equal_nan=True)


def _tile(test_data: Path) -> list[Any]:
    return [
        reflectance(band, test_data / _TILE / f"{own}.tif") for band, own in (("red", "B04"), ("nir", "B08"))
    ]


def test_int16_rounds_to_steps_and_leaves_the_statistics_alone(test_data: Path, tmp_path: Path) -> None:
    whole = make_index("ndvi", _tile(test_data), None, tmp_path / "f.tif", compression="ZSTD")
    small = make_index("ndvi", _tile(test_data), None, tmp_path / "i.tif", compression="ZSTD", stored="int16")
    assert small.statistics == whole.statistics
    assert small.size_bytes < 0.6 * whole.size_bytes
    assert (small.parameters["stored"], whole.parameters["stored"]) == ("int16", "float32")
    assert cog_validate(small.path, strict=True)[0]
    with rasterio.open(small.path) as dataset:
        assert (dataset.dtypes, dataset.nodata) == (("int16",), -32768)
        assert (dataset.scales, dataset.offsets) == ((1e-4,), (0.0,))
        values = dataset.read(1, masked=True) * dataset.scales[0]
    np.testing.assert_allclose(values.filled(np.nan), read(whole.path), rtol=0, atol=0.5001e-4)
    assert small.preview is not None
    assert whole.preview is not None
    seen, wanted = (np.frombuffer(one.rgba, np.uint8).astype(int) for one in (small.preview, whole.preview))
    assert np.abs(seen - wanted).max() <= 1


def test_pixels_that_are_not_valid_are_no_numbers_in_int16(tmp_path: Path) -> None:
    red = write_image(tmp_path / "red.tif", np.array([[0, 1000], [3000, 2000]], np.uint16))
    nir = write_image(tmp_path / "nir.tif", np.array([[3000, 3000], [0, 2000]], np.uint16))
    sources = [reflectance("red", red), reflectance("nir", nir)]
    made = make_index("ndvi", sources, None, tmp_path / "o.tif", stored="int16")
    with rasterio.open(made.path) as dataset:
        assert dataset.read(1).tolist() == [[-32768, 5000], [-32768, 0]]


def test_values_that_int16_cannot_hold_are_stored_as_float32_and_said(tmp_path: Path) -> None:
    red = write_image(tmp_path / "red.tif", np.array([[1100, 1000]], np.uint16))
    nir = write_image(tmp_path / "nir.tif", np.array([[920, 3000]], np.uint16))
    # Reflectances of 0.01 and -0.008 give an index of -9.
    sources = [BandSource(band, path, 1e-4, -0.1, 0) for band, path in (("red", red), ("nir", nir))]
    made = make_index("ndvi", sources, None, tmp_path / "o.tif", stored="int16")
    assert made.parameters["stored"] == "float32"
    assert made.parameters["warnings"][-1].startswith("stored as float32: int16 doesn't hold")
    assert read(made.path).tolist() == [[-9.0, 1.0]]
    assert [path.name for path in tmp_path.glob("*o.tif*")] == ["o.tif"]


def test_a_way_to_store_values_that_there_is_not_is_refused(test_data: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="there are float32 and int16"):
        make_index("ndvi", _tile(test_data), None, tmp_path / "o.tif", stored="uint8")  # type: ignore[arg-type]
