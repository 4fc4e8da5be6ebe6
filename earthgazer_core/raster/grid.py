"""The grid of an image, and the part of it that a rectangle in lon/lat covers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from affine import Affine
from rasterio.crs import CRS
from rasterio.transform import array_bounds
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from earthgazer_core.domain.bbox import BBox
from earthgazer_core.errors import OutsideSceneError, RasterError
from earthgazer_core.raster.dataset import GDAL_ERRORS, open_dataset

_WGS84 = CRS.from_epsg(4326)
_DENSIFY_POINTS = 101
"""Points per edge when bounds change CRS: straight edges in lon/lat are curves in a projection."""
_ROUNDING_PX = 1e-6
"""An edge this near to a pixel's edge is on it: re-projection is no more exact than that."""
_LEAST_STEP = 1e-4
"""Part of a coarser pixel that one of a band takes: far below any mask's."""
_FARTHEST = 1e9
"""Coarser pixels between the corners of two grids: numbers beyond are nobody's."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the pixels of an image lie."""

    crs: CRS | None
    """Coordinate reference system; None where the file has none."""
    transform: Affine
    """Column, row of a pixel's upper left corner → x, y in units of the CRS."""
    shape: tuple[int, int]
    """(height, width) in pixels."""

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) in units of the CRS."""
        left, bottom, right, top = array_bounds(*self.shape, self.transform)  # type: ignore[no-untyped-call]
        return (float(left), float(bottom), float(right), float(top))

    @property
    def is_north_up(self) -> bool:
        """Whether rows run along x: neither rotated nor sheared."""
        return math.isclose(self.transform.b, 0, abs_tol=1e-12) and math.isclose(
            self.transform.d, 0, abs_tol=1e-12
        )

    @property
    def pixel_area(self) -> float:
        """Area of one pixel in squared units of the CRS."""
        return abs(float(self.transform.determinant))

    @property
    def coefficients(self) -> tuple[float, float, float, float, float, float]:
        """Affine a, b, c, d, e, f."""
        t = self.transform
        return (t.a, t.b, t.c, t.d, t.e, t.f)

    @property
    def crs_text(self) -> str | None:
        """``EPSG:32629``, or WKT where the CRS has no code, or None without a CRS."""
        if self.crs is None:
            return None
        code = self.crs.to_epsg()
        return f"EPSG:{code}" if code is not None else str(self.crs.to_wkt())

    @property
    def window(self) -> Window:
        """The whole image."""
        height, width = self.shape
        return Window(0, 0, width, height)

    def crop(self, window: Window) -> Grid:
        """Return the grid of a whole-pixel window of this one."""
        transform = self.transform @ Affine.translation(window.col_off, window.row_off)
        return Grid(self.crs, transform, (int(window.height), int(window.width)))


def grid_of(path: str) -> Grid:
    """Return the grid of a file.

    Raises:
        RasterError: missing or no image, or placed by ground control points alone.
    """
    with open_dataset(path) as dataset:
        return Grid(dataset.crs, dataset.transform, (dataset.height, dataset.width))


def same_grid(one: Grid, other: Grid) -> bool:
    """Whether two images pair pixel by pixel: CRS, transform and shape; shape alone says nothing."""
    if one.shape != other.shape or one.crs != other.crs:
        return False
    # A thousandth of a pixel over the whole image is a rounding in the file's text, not another grid.
    tolerance = 1e-3 * math.sqrt(one.pixel_area) / max(*one.shape, 1)
    steps = zip(one.transform[:6], other.transform[:6], strict=True)
    return all(
        math.isclose(a, b, rel_tol=1e-12, abs_tol=tolerance * (max(one.shape) if place in (2, 5) else 1))
        for place, (a, b) in enumerate(steps)
    )


@dataclass(frozen=True, slots=True)
class Nesting:
    """How a grid lies in a coarser one when each of its pixels lies in a single pixel of that."""

    factor: tuple[int, int]
    """(rows, columns) of its pixels that make one of the coarser grid."""
    first: tuple[int, int]
    """(row, column) of its upper left pixel, counted in its own pixels from the coarser one's upper left."""


def nesting(fine: Grid, coarse: Grid) -> Nesting | None:
    """Return how a grid lies in a coarser one; None where a pixel of it may lie in several of that."""
    if fine.crs != coarse.crs or not (fine.is_north_up and coarse.is_north_up) or coarse.pixel_area == 0:
        return None
    step: Affine = ~coarse.transform @ fine.transform
    # Anybody may write anything into a file's transform.
    is_near = abs(step.c) < _FARTHEST and abs(step.f) < _FARTHEST
    if not (is_near and _LEAST_STEP < step.a <= 1 and _LEAST_STEP < step.e <= 1):
        return None
    factor = round(1 / step.e), round(1 / step.a)
    first = round(step.f * factor[0]), round(step.c * factor[1])
    # Over the whole image a thousandth of a pixel is a rounding in the file's text, as in same_grid().
    is_exact = all(
        abs(scale * by - 1) * length < 1e-3 and abs(offset * by - at) < 1e-3
        for scale, offset, by, at, length in zip(
            (step.e, step.a), (step.f, step.c), factor, first, fine.shape, strict=True
        )
    )
    return Nesting(factor, first) if is_exact else None


def crop_window(grid: Grid, bbox: BBox) -> Window:
    """Return the smallest whole-pixel window that covers a rectangle, clamped to the scene.

    Args:
        grid: The scene's grid.
        bbox: Rectangle in lon/lat (EPSG:4326, longitude first); it may cross the antimeridian.

    Returns:
        Whole-pixel window within the scene.

    Raises:
        RasterError: the scene has no CRS or is rotated, or the rectangle meets it at both of its ends.
        OutsideSceneError: the rectangle does not touch the scene.
    """
    if grid.crs is None:
        raise RasterError(
            "the image has no CRS, so bounds in lon/lat can't be placed on it; leave bounds out"
        )
    if not grid.is_north_up:
        raise RasterError("the image is rotated; warp it north-up (gdalwarp) before cropping by lon/lat")
    pieces = [piece for half in bbox.split() for piece in _pieces(grid, half)]
    if not pieces:
        raise OutsideSceneError(f"bounds {bbox} do not touch the image, which covers {_footprint(grid)}")
    whole = (
        min(piece[0] for piece in pieces),
        min(piece[1] for piece in pieces),
        max(piece[2] for piece in pieces),
        max(piece[3] for piece in pieces),
    )
    gap = (whole[2] - whole[0]) - sum(piece[2] - piece[0] for piece in pieces)
    if len(pieces) > 1 and gap > 1:
        raise RasterError(
            f"bounds {bbox} meet this image at both of its ends, across the antimeridian;"
            " ask for the western and the eastern part separately"
        )
    col0, row0, col1, row1 = whole
    return Window(col0, row0, col1 - col0, row1 - row0)


def _pieces(grid: Grid, bbox: BBox) -> list[tuple[int, int, int, int]]:
    """Return (col0, row0, col1, row1) of each part of the scene that the rectangle covers."""
    west, south, east, north = bbox.as_tuple()
    if grid.crs is not None and grid.crs.is_geographic:
        # Images across the antimeridian count on beyond 180, or begin below -180.
        turned = [_to_pixels(grid, (west + turn, south, east + turn, north)) for turn in (-360, 0, 360)]
        return [piece for piece in turned if piece is not None]
    if not _may_touch(grid, bbox):
        return []
    try:
        bounds = transform_bounds(_WGS84, grid.crs, west, south, east, north, densify_pts=_DENSIFY_POINTS)  # type: ignore[no-untyped-call]
    except GDAL_ERRORS:
        return []
    piece = _to_pixels(grid, bounds)
    return [] if piece is None else [piece]


def _to_pixels(grid: Grid, bounds: tuple[float, float, float, float]) -> tuple[int, int, int, int] | None:
    if not all(math.isfinite(value) for value in bounds):
        return None
    left, bottom, right, top = bounds
    inverse = ~grid.transform
    (x0, y0), (x1, y1) = inverse @ (left, top), inverse @ (right, bottom)
    height, width = grid.shape
    col0 = max(0, math.floor(min(x0, x1) + _ROUNDING_PX))
    row0 = max(0, math.floor(min(y0, y1) + _ROUNDING_PX))
    col1 = min(width, math.ceil(max(x0, x1) - _ROUNDING_PX))
    row1 = min(height, math.ceil(max(y0, y1) - _ROUNDING_PX))
    return (col0, row0, col1, row1) if col0 < col1 and row0 < row1 else None


def _lonlat_bounds(grid: Grid) -> tuple[float, float, float, float] | None:
    try:
        bounds = transform_bounds(grid.crs, _WGS84, *grid.bounds, densify_pts=_DENSIFY_POINTS)  # type: ignore[no-untyped-call]
    except GDAL_ERRORS:
        return None
    return bounds if all(math.isfinite(value) for value in bounds) else None


def _may_touch(grid: Grid, bbox: BBox) -> bool:
    """Whether the two can share area at all.

    A projection folds far outside of its own zone, so the other side of the Earth could land in the scene.
    """
    bounds = _lonlat_bounds(grid)
    if bounds is None:
        return True
    west, south, east, north = bounds
    margin = 0.05 * (north - south) + 1e-6
    scene_south, scene_north = max(-90.0, south - margin), min(90.0, north + margin)
    if not (bbox.south < scene_north and scene_south < bbox.north):
        return False
    width = east - west + (360 if west > east else 0) + 2 * margin
    if width >= 360:
        return True
    # Eastward distance from one western edge to the other decides on a circle, wherever it is cut.
    to_bbox = (bbox.west - (west - margin)) % 360
    to_scene = ((west - margin) - bbox.west) % 360
    return to_bbox < width or to_scene < bbox.width_deg


def _footprint(grid: Grid) -> str:
    bounds = _lonlat_bounds(grid)
    return "an unknown area" if bounds is None else ",".join(f"{value:.4f}" for value in bounds)
