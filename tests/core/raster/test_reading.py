from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.windows import Window

from earthgazer_core.errors import InvalidInputError, RasterError
from earthgazer_core.raster.grid import Grid, nesting
from earthgazer_core.raster.products import make_index, make_stack
from earthgazer_core.raster.reading import MAX_WINDOW_PX, BandReader, Block, inspect, reference_band, windows
from earthgazer_core.raster.source import BandSource
from tests.core.raster.images import UTM33_10M, read, reflectance, write_image

_20M = Affine(20, 0, 500_000, 0, -20, 5_000_000)


@given(
    st.integers(0, 3000),
    st.integers(0, 3000),
    st.integers(1, 12000),
    st.integers(1, 6000),
    st.sampled_from(
        [(512, 512), (1024, 1024), (1, 10980), (13, 300), (256, 256), (7000, 9000), (1, 9_000_000)]
    ),
)
def test_windows_cover_each_pixel_once_and_stay_bounded(
    col: int, row: int, width: int, height: int, block: tuple[int, int]
) -> None:
    found = list(windows(Window(col, row, width, height), block))
    assert sum(int(window.width) * int(window.height) for window in found) == width * height
    corners = {(int(window.col_off), int(window.row_off)) for window in found}
    assert len(corners) == len(found)
    for window in found:
        assert window.width * window.height <= MAX_WINDOW_PX
        assert col <= window.col_off
        assert window.col_off + window.width <= col + width
        assert row <= window.row_off
        assert window.row_off + window.height <= row + height


def test_windows_keep_to_blocks_so_that_each_is_decoded_once() -> None:
    found = list(windows(Window(100, 100, 5000, 3000), (1024, 1024)))
    assert {int(window.row_off) % 1024 for window in found} == {0, 100}
    assert {int(window.col_off) % 1024 for window in found} == {0, 100}


def test_counts_that_may_be_fractions_have_no_largest_sum() -> None:
    valid, whole = np.ones((1, 1), np.bool_), np.ones((1, 1), np.uint16)
    both = {"red": whole, "nir": whole.astype(np.int16)}
    assert Block(both, {"red": 0.0, "nir": -1000.0}, valid).largest_sum() == 65535 + 32768 + 1000
    assert Block(both, {"red": 0.5, "nir": 0.0}, valid).largest_sum() is None
    assert Block({"red": whole.astype(np.float32)}, {"red": 0.0}, valid).largest_sum() is None


def test_the_reference_is_the_finest_band_whatever_the_order(tmp_path: Path) -> None:
    fine = reflectance("red", write_image(tmp_path / "fine.tif", np.ones((4, 4), np.uint16)))
    other = reflectance("nir", write_image(tmp_path / "other.tif", np.ones((4, 4), np.uint16)))
    coarse = reflectance(
        "swir16", write_image(tmp_path / "coarse.tif", np.ones((2, 2), np.uint16), transform=_20M)
    )
    mask = BandSource(
        "SCL", write_image(tmp_path / "scl.tif", np.full((8, 8), 4, np.uint8)), 1, 0, None, is_mask=True
    )
    for order in ([fine, other, coarse, mask], [mask, coarse, other, fine]):
        assert reference_band(inspect(order)).name == "nir"
    with pytest.raises(InvalidInputError, match="only masks"):
        reference_band(inspect([mask]))


def test_a_coarser_mask_is_enlarged_by_nearest_pixel(tmp_path: Path) -> None:
    scl = np.array([[4, 9], [5, 4]], dtype=np.uint8)
    sources = [
        reflectance(band, write_image(tmp_path / f"{band}.tif", np.full((4, 4), 500, np.uint16)))
        for band in ("red", "nir")
    ]
    sources.append(
        BandSource("SCL", write_image(tmp_path / "scl.tif", scl, transform=_20M), 1, 0, None, is_mask=True)
    )
    valid = np.isfinite(read(make_index("ndvi", sources, None, tmp_path / "o.tif").path))
    assert valid.tolist() == np.kron([[1, 0], [1, 1]], np.ones((2, 2))).astype(bool).tolist()


@given(
    st.sampled_from([1, 2, 3, 6]),
    st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 12), st.integers(1, 12)),
)
def test_a_coarser_mask_is_that_of_the_pixel_which_contains_the_centre(
    tmp_path_factory: pytest.TempPathFactory,
    factor: int,
    shift: tuple[int, int],
    shape: tuple[int, int],
    part: tuple[int, int, int, int],
) -> None:
    folder = tmp_path_factory.mktemp("nested")
    scl = np.random.default_rng(5).choice([4, 9], shape).astype(np.uint8)
    # The mask begins some pixels of the reference above and left of it, or below and right.
    down, right = shift
    placed = UTM33_10M @ Affine.translation(-right, -down) @ Affine.scale(factor)
    sources = [
        reflectance("red", write_image(folder / "red.tif", np.full((32, 32), 500, np.uint16))),
        BandSource("SCL", write_image(folder / "scl.tif", scl, transform=placed), 1, 0, None, is_mask=True),
    ]
    bands = inspect(sources)
    row, column, height, width = part
    with BandReader(bands, reference_band(bands).grid) as reader:
        valid = reader.read(Window(column, row, width, height)).valid
    for y in range(height):
        for x in range(width):
            at = (row + y + down) // factor, (column + x + right) // factor
            is_inside = 0 <= at[0] < shape[0] and 0 <= at[1] < shape[1]
            assert valid[y, x] == (is_inside and scl[at] == 4), (y, x)


@pytest.mark.parametrize("transform", [
    Affine(15, 0, 500_000, 0, -15, 5_000_000),
    Affine(20, 0, 500_003, 0, -20, 5_000_000),
    Affine(5, 0, 500_000, 0, -5, 5_000_000),
    Affine(20, 1, 500_000, 0, -20, 5_000_000),
    Affine(0, 0, 500_000, 0, 0, 5_000_000),
    Affine(1e300, 0, 500_000, 0, -1e300, 5_000_000),
    Affine(1e-300, 0, 500_000, 0, -1e-300, 5_000_000),
    Affine(20, 0, float("inf"), 0, -20, 5_000_000),
    Affine(20, 0, 1e300, 0, -20, 5_000_000),
    Affine(20, 0, float("nan"), 0, -20, 5_000_000),
])  # fmt: skip
def test_only_whole_pixels_nest(transform: Affine) -> None:
    crs = CRS.from_epsg(32633)
    assert nesting(Grid(crs, UTM33_10M, (8, 8)), Grid(crs, transform, (8, 8))) is None


def test_resampling_in_windows_leaves_no_seams(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    fine = write_image(tmp_path / "fine.tif", rng.integers(1, 9000, (96, 128)).astype(np.uint16))
    coarse = write_image(
        tmp_path / "coarse.tif", rng.integers(0, 9000, (48, 64)).astype(np.uint16), transform=_20M
    )
    bands = inspect([reflectance("nir", fine), reflectance("swir16", coarse)])
    grid = reference_band(bands).grid
    with BandReader(bands, grid) as reader:
        whole = reader.read(grid.window)
        counts, valid = np.empty((96, 128)), np.empty((96, 128), dtype=bool)
        for row in range(0, 96, 17):
            for col in range(0, 128, 23):
                part = Window(col, row, min(23, 128 - col), min(17, 96 - row))
                block = reader.read(part)
                here = np.s_[row : row + int(part.height), col : col + int(part.width)]
                counts[here], valid[here] = block.counts("swir16"), block.valid
    assert np.array_equal(valid, whole.valid)
    assert np.array_equal(counts[valid], whole.counts("swir16")[valid])


def test_nodata_never_bleeds_into_its_neighbours(tmp_path: Path) -> None:
    coarse = np.full((4, 4), 4000, dtype=np.uint16)
    coarse[1, 1] = 0
    sources = [
        reflectance("nir", write_image(tmp_path / "nir.tif", np.full((8, 8), 4000, np.uint16))),
        reflectance("swir16", write_image(tmp_path / "swir.tif", coarse, transform=_20M)),
    ]
    values = read(make_index("ndmi", sources, None, tmp_path / "o.tif").path)
    assert np.nanmax(np.abs(values)) == 0.0


def test_a_band_in_another_projection_is_brought_onto_the_grid(tmp_path: Path) -> None:
    nir = write_image(tmp_path / "nir.tif", np.full((40, 40), 3000, np.uint16))
    # The same ground in degrees: 15° E, 45.15° N, and wider than needed.
    degrees = Affine(0.0002, 0, 14.995, 0, -0.0002, 45.16)
    red = write_image(
        tmp_path / "red.tif", np.full((90, 90), 1000, np.uint16), crs="EPSG:4326", transform=degrees
    )
    found = make_index(
        "ndvi", [reflectance("nir", nir), reflectance("red", red)], None, tmp_path / "o.tif", reference="nir"
    ).statistics
    assert found is not None
    assert found.valid == 1600
    assert found.mean == 0.5


def test_bands_without_a_crs_pair_only_on_one_grid(tmp_path: Path) -> None:
    here = write_image(tmp_path / "here.tif", np.full((4, 4), 1000, np.uint16), crs=None)
    same = write_image(tmp_path / "same.tif", np.full((4, 4), 3000, np.uint16), crs=None)
    known = write_image(tmp_path / "known.tif", np.full((2, 2), 3000, np.uint16), transform=_20M)
    result = make_index(
        "ndvi", [reflectance("red", here), reflectance("nir", same)], None, tmp_path / "o.tif"
    )
    assert result.crs is None
    assert result.statistics is not None
    assert result.statistics.mean == 0.5
    with pytest.raises(RasterError, match="only one of the two has a CRS"):
        make_index("ndvi", [reflectance("red", here), reflectance("nir", known)], None, tmp_path / "o.tif")


def test_a_band_that_does_not_reach_leaves_pixels_invalid(tmp_path: Path) -> None:
    far = Affine(10, 0, 900_000, 0, -10, 5_000_000)
    sources = [
        reflectance("red", write_image(tmp_path / "red.tif", np.full((4, 4), 1000, np.uint16))),
        reflectance(
            "nir", write_image(tmp_path / "nir.tif", np.full((4, 4), 1000, np.uint16), transform=far)
        ),
    ]
    found = make_index("ndvi", sources, None, tmp_path / "o.tif").statistics
    assert found is not None
    assert (found.valid, found.total) == (0, 16)


def test_both_declared_and_known_nodata_are_left_out(tmp_path: Path) -> None:
    red = np.array([[0, 9999, 1000, 2000]], dtype=np.uint16)
    nir = np.array([[500, 500, 3000, 2000]], dtype=np.uint16)
    sources = [
        reflectance("red", write_image(tmp_path / "red.tif", red, nodata=9999)),
        reflectance("nir", write_image(tmp_path / "nir.tif", nir)),
    ]
    assert np.isfinite(read(make_index("ndvi", sources, None, tmp_path / "o.tif").path)).tolist() == [
        [False, False, True, True]
    ]


def test_one_file_may_hold_several_bands(tmp_path: Path, test_data: Path) -> None:
    path = str(test_data / "nasty" / "RGB2.byte.tif")
    sources = [
        BandSource(band, path, 1 / 255, 0, 0, index=place) for place, band in enumerate(("red", "green"), 1)
    ]
    result = make_stack(sources, None, tmp_path / "o.tif")
    assert result.bands == ("red", "green")
    assert result.crs is not None
    assert result.crs.startswith("PROJCS")
    with pytest.raises(RasterError, match=r"has 3 band\(s\), no band 4"):
        make_stack([BandSource("red", path, 1, 0, 0, index=4)], None, tmp_path / "o.tif")


def test_a_mask_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.tif", np.ones((2, 2), np.uint8), transform=UTM33_10M)
    with pytest.raises(InvalidInputError, match="known masks are SCL and QA_PIXEL"):
        inspect([BandSource("CLD", path, 1, 0, None, is_mask=True)])
