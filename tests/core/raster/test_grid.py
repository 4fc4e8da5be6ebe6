from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from earthgazer_core.domain.bbox import BBox
from earthgazer_core.errors import OutsideSceneError, RasterError
from earthgazer_core.raster.grid import Grid, crop_window, grid_of, same_grid

_UTM29 = Grid(CRS.from_epsg(32629), Affine(100, 0, 199980, 0, -100, 2800020), (1098, 1098))
_WORLD = Grid(CRS.from_epsg(4326), Affine(0.5, 0, -180, 0, -0.5, 90), (360, 720))
_PACIFIC = Grid(CRS.from_epsg(4326), Affine(0.1, 0, 170, 0, -0.1, 10), (200, 200))


def _edges(grid: Grid, bbox: BBox) -> tuple[int, int, int, int]:
    window = crop_window(grid, bbox)
    return (
        int(window.col_off), int(window.row_off),
        int(window.col_off + window.width), int(window.row_off + window.height),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["crop_s2_29RKH", "crop_s2_19", "crop_partial_29RKH"])
def test_a_crop_is_the_smallest_window_of_whole_pixels_within_the_scene(
    cases: dict[str, Any], test_data: Path, name: str
) -> None:
    case = cases[name]
    grid = grid_of(str(test_data / case["files"][0]))
    wanted = case["window"]
    edges = _edges(grid, BBox(*case["bounds"]))
    assert edges == (wanted["col0"], wanted["row0"], wanted["col1"], wanted["row1"])
    if "transform" in case:
        cropped = grid.crop(crop_window(grid, BBox(*case["bounds"])))
        assert list(cropped.coefficients) == case["transform"]
        assert list(cropped.shape) == case["shape"]


def test_the_other_side_of_the_earth_is_outside(cases: dict[str, Any]) -> None:
    for bounds in (
        cases["crop_outside"]["bounds"],
        (168, -25, 169, -24),
        (-12, -25, -11, -24),
        (100, 80, 120, 85),
    ):
        with pytest.raises(OutsideSceneError, match="do not touch the image, which covers"):
            crop_window(_UTM29, BBox(*bounds))


def test_a_box_across_the_antimeridian_is_one_window_of_a_projected_scene(test_data: Path) -> None:
    grid = grid_of(str(test_data / "nasty" / "cog_dateline.tif"))
    west = _edges(grid, BBox(179.5, 51.5, 180, 52))
    east = _edges(grid, BBox(-180, 51.5, -179.5, 52))
    both = _edges(grid, BBox(179.5, 51.5, -179.5, 52))
    assert both[0] == west[0]
    assert both[2] == east[2]
    assert west[2] - west[0] + east[2] - east[0] >= both[2] - both[0]
    assert both[2] - both[0] < 800


def test_geographic_scenes_beyond_180_degrees_are_found_under_either_name() -> None:
    assert _edges(_PACIFIC, BBox(179, 0, -179, 5)) == (90, 50, 110, 100)
    assert _edges(_PACIFIC, BBox(-180, 0, -179, 5)) == (100, 50, 110, 100)


def test_a_box_that_meets_both_ends_of_a_world_map_is_refused() -> None:
    assert _edges(_WORLD, BBox(-10, 40, 10, 50)) == (340, 80, 380, 100)
    with pytest.raises(RasterError, match="both of its ends"):
        crop_window(_WORLD, BBox(170, -10, -170, 10))


def test_scenes_that_cannot_be_placed_are_refused() -> None:
    with pytest.raises(RasterError, match="no CRS"):
        crop_window(Grid(None, _UTM29.transform, (10, 10)), BBox(0, 0, 1, 1))
    rotated = Grid(_UTM29.crs, _UTM29.transform @ Affine.rotation(30), (10, 10))
    with pytest.raises(RasterError, match="rotated"):
        crop_window(rotated, BBox(0, 0, 1, 1))


def test_grids_are_the_same_by_crs_transform_and_shape() -> None:
    assert same_grid(_UTM29, Grid(CRS.from_epsg(32629), _UTM29.transform, (1098, 1098)))
    assert not same_grid(_UTM29, Grid(CRS.from_epsg(32630), _UTM29.transform, (1098, 1098)))
    assert not same_grid(_UTM29, Grid(_UTM29.crs, Affine(200, 0, 199980, 0, -200, 2800020), (1098, 1098)))
    assert not same_grid(_UTM29, Grid(_UTM29.crs, Affine(100, 0, 199990, 0, -100, 2800020), (1098, 1098)))
    assert not same_grid(_UTM29, Grid(_UTM29.crs, _UTM29.transform, (549, 1098)))
    assert same_grid(_UTM29, Grid(_UTM29.crs, Affine(100, 0, 199980.0000001, 0, -100, 2800020), (1098, 1098)))


@given(
    st.integers(-300, 1300),
    st.integers(-300, 1300),
    st.integers(1, 600),
    st.integers(1, 600),
    st.floats(0.05, 0.95),
)
def test_a_window_covers_its_box_and_stays_within_the_scene(
    col: int, row: int, width: int, height: int, part: float
) -> None:
    left, top = _UTM29.transform @ (col + part, row + part)
    right, bottom = _UTM29.transform @ (col + part + width, row + part + height)
    west, south, east, north = transform_bounds(  # type: ignore[no-untyped-call]
        _UTM29.crs, 4326, left, bottom, right, top, densify_pts=101
    )
    bbox = BBox(west, south, east, north)
    touches = col + part < 1098 and row + part < 1098 and col + part + width > 0 and row + part + height > 0
    if not touches:
        # Lon/lat boxes around projected ones are a little larger, so a near miss may touch.
        try:
            edges = _edges(_UTM29, bbox)
        except OutsideSceneError:
            return
    else:
        edges = _edges(_UTM29, bbox)
    col0, row0, col1, row1 = edges
    assert 0 <= col0 < col1 <= 1098
    assert 0 <= row0 < row1 <= 1098
    if touches:
        assert col0 <= max(col, 0)
        assert row0 <= max(row, 0)
        assert col1 >= min(col + width + 1, 1098)
        assert row1 >= min(row + height + 1, 1098)
