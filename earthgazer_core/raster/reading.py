"""Reading windows of several bands onto one grid, with what is valid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.enums import MaskFlags, Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window

from earthgazer_core.errors import InvalidInputError, RasterError
from earthgazer_core.raster.dataset import open_dataset, raster_problems, read_window
from earthgazer_core.raster.grid import Grid, Nesting, nesting, same_grid
from earthgazer_core.raster.masks import Mask, nodata_valid, qa_pixel_valid, scl_valid
from earthgazer_core.raster.source import BandSource

Values = npt.NDArray[np.float64]
"""(height, width), double precision."""

WINDOW_PX = 1 << 19
"""Pixels aimed at with up to two bands: two tiles of 512 by 512, 4 MB in double precision."""
MAX_WINDOW_PX = 1 << 21
"""Pixels that no window exceeds, though a block of the file were larger."""
PART_PX = 1 << 15
"""Pixels computed at once: few enough for the arrays in between to stay in a processor's own cache."""
_MASKS: Mapping[str, Callable[[npt.NDArray[Any]], Mask]] = MappingProxyType(
    {"scl": scl_valid, "qa_pixel": qa_pixel_valid}
)


@dataclass(frozen=True, slots=True)
class Block:
    """The pixels of one window on the reference grid."""

    numbers: Mapping[str, npt.NDArray[Any]]
    """Common name → digital number: as stored, or double precision where resampled; arbitrary where not
    valid."""
    shifts: Mapping[str, float]
    """Common name → the source's ``shift``."""
    valid: Mask
    """True where every band is data and every mask shows the ground."""

    def counts(self, name: str) -> Values:
        """Return the digital number of a band plus its shift, in an array of its own."""
        counts: Values = self.numbers[name].astype(np.float64)
        if self.shifts[name]:
            counts += self.shifts[name]
        return counts

    def largest_sum(self) -> float | None:
        """Return what no sum of all bands' counts exceeds in size; None where they may be fractions."""
        total = 0.0
        for name, values in self.numbers.items():
            if values.dtype.kind not in "iu" or not self.shifts[name].is_integer():
                return None
            limits = np.iinfo(values.dtype)
            total += max(abs(limits.min), limits.max) + abs(self.shifts[name])
        return total

    def parts(self) -> Iterator[tuple[slice, Block]]:
        """Yield it in groups of rows of about :data:`PART_PX` pixels, each with its rows."""
        height, width = self.valid.shape
        step = max(1, PART_PX // width)
        for top in range(0, height, step):
            rows = slice(top, min(top + step, height))
            numbers = {name: values[rows] for name, values in self.numbers.items()}
            yield rows, Block(numbers, self.shifts, self.valid[rows])


@dataclass(frozen=True, slots=True)
class Band:
    """A source, its grid and how its file is laid out."""

    source: BandSource
    name: str
    """STAC common name, ``scl`` or ``qa_pixel``."""
    grid: Grid
    dtype: str
    """Type of the numbers as stored."""
    block_shape: tuple[int, int]
    """(rows, columns) that the file decodes at once."""
    declared_nodata: float | None
    """"No data" value that the file itself declares."""


def inspect(sources: Sequence[BandSource]) -> tuple[Band, ...]:
    """Open each source once and return what it is.

    Raises:
        InvalidInputError: two sources of one name, a mask of a kind not known, a scale of 0.
        RasterError: a file can't serve.
    """
    bands: list[Band] = []
    for source in sources:
        if source.is_mask and source.common_name not in _MASKS:
            raise InvalidInputError(f"mask {source.band!r}: known masks are SCL and QA_PIXEL")
        if source.scale == 0:
            raise InvalidInputError(f"band {source.band!r}: a scale of 0 leaves nothing of it")
        if not math.isfinite(source.scale) or not math.isfinite(source.offset / source.scale):
            raise InvalidInputError(
                f"band {source.band!r}: a scale of {source.scale:g} with an offset of {source.offset:g}"
                " makes no reflectance"
            )
        if any(band.name == source.common_name for band in bands):
            raise InvalidInputError(f"band {source.band!r} is given twice")
        with open_dataset(source.path) as dataset:
            if not 1 <= source.index <= dataset.count:
                raise RasterError(f"{source.path}: has {dataset.count} band(s), no band {source.index}")
            place = source.index - 1
            grid = Grid(dataset.crs, dataset.transform, (dataset.height, dataset.width))
            bands.append(
                Band(source, source.common_name, grid, dataset.dtypes[place], dataset.block_shapes[place],
                     dataset.nodatavals[place])
            )  # fmt: skip
    return tuple(bands)


def reference_band(bands: Sequence[Band], name: str | None = None) -> Band:
    """Return the band on whose grid all others are read: the one named, or the finest.

    Masks never are; of equally fine bands the first by name is taken, so that the order of sources
    never changes a result.

    Raises:
        InvalidInputError: no such band, or masks alone.
    """
    values = sorted((band for band in bands if not band.source.is_mask), key=lambda band: band.name)
    if not values:
        raise InvalidInputError("no band given, only masks")
    if name is None:
        return min(values, key=lambda band: round(band.grid.pixel_area, 6))
    for band in values:
        if band.name == name:
            return band
    raise InvalidInputError(
        f"no band {name!r} to take the grid of; there are {[band.name for band in values]}"
    )


def windows(whole: Window, block_shape: tuple[int, int], bands: int = 1) -> Iterator[Window]:
    """Yield windows that cover ``whole``, in scan order.

    Their edges lie on those of the file's blocks, so that each block is decoded once; a block of more than
    :data:`MAX_WINDOW_PX` is read in parts all the same, since memory comes first. Of more bands than the
    two of most indices windows are smaller, for the same reason.
    """
    wanted = 2 * WINDOW_PX // max(2, bands)
    rows, columns = block_shape
    rows, columns = min(rows, MAX_WINDOW_PX), min(columns, MAX_WINDOW_PX)
    rows = min(rows, max(1, MAX_WINDOW_PX // columns))
    across = max(1, min(-(-int(whole.width) // columns), wanted // (rows * columns)))
    down = max(1, wanted // (rows * columns * across))
    height, width = rows * down, columns * across
    row_end, col_end = int(whole.row_off + whole.height), int(whole.col_off + whole.width)
    row = int(whole.row_off)
    while row < row_end:
        next_row = min(row_end, (row // height + 1) * height)
        col = int(whole.col_off)
        while col < col_end:
            next_col = min(col_end, (col // width + 1) * width)
            yield Window(col, row, next_col - col, next_row - row)
            col = next_col
        row = next_row


class BandReader:
    """Reads windows of several bands onto the grid of one; open datasets belong to one thread."""

    def __init__(self, bands: Sequence[Band], reference: Grid) -> None:
        self._bands = tuple(bands)
        self._reference = reference
        self._stack = ExitStack()
        self._datasets: dict[str, DatasetReader] = {}
        masks = (band for band in self._bands if band.source.is_mask)
        self._nested = {band.name: nesting(reference, band.grid) for band in masks}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for band in self._bands:
                self._datasets[band.name] = stack.enter_context(open_dataset(band.source.path))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def read(self, window: Window) -> Block:
        """Return the pixels of a whole-pixel window of the reference grid.

        Bands of another grid are resampled: bilinear for values, nearest for masks; where they don't
        reach, pixels are not valid.

        Raises:
            RasterError: bytes can't be decoded, or grids can't be brought together for want of a CRS.
        """
        masks: list[Mask] = []
        numbers: dict[str, npt.NDArray[Any]] = {}
        shifts: dict[str, float] = {}
        for band in self._bands:
            if band.source.is_mask:
                masks.append(self._mask(band, window))
            else:
                numbers[band.name], known = self._values(band, window)
                shifts[band.name] = band.source.shift
                masks.append(known)
        valid, *others = masks
        for mask in others:
            valid &= mask
        return Block(numbers, shifts, valid)

    def _values(self, band: Band, window: Window) -> tuple[npt.NDArray[Any], Mask]:
        if same_grid(band.grid, self._reference):
            return self._native(band, window)
        values = self._resampled(band, window, Resampling.bilinear)
        return values, np.isfinite(values)

    def _native(self, band: Band, window: Window) -> tuple[npt.NDArray[Any], Mask]:
        dataset, source = self._datasets[band.name], band.source
        dn = read_window(dataset, source.index, window)
        known = nodata_valid(dn, {source.nodata, band.declared_nodata})
        flags = dataset.mask_flag_enums[source.index - 1]
        if MaskFlags.per_dataset in flags:
            with raster_problems(f"{source.path}: its mask can't be read"):
                known &= dataset.read_masks(source.index, window=window) != 0
        return dn, known

    def _mask(self, band: Band, window: Window) -> Mask:
        if same_grid(band.grid, self._reference):
            flags = read_window(self._datasets[band.name], band.source.index, window)
            return _MASKS[band.name](flags)
        nested = self._nested[band.name]
        if nested is not None:
            return self._enlarged(band, window, nested)
        return self._resampled(band, window, Resampling.nearest) > 0

    def _enlarged(self, band: Band, window: Window, nested: Nesting) -> Mask:
        """Return a coarser mask, each pixel repeated: nearest resampling gives the same, and takes longer."""
        spans = []
        for begin, length, first, factor, there in zip(
            (int(window.row_off), int(window.col_off)), (int(window.height), int(window.width)),
            nested.first, nested.factor, band.grid.shape, strict=True,
        ):  # fmt: skip
            places = (np.arange(begin, begin + length) + first) // factor
            spans.append((places, (places >= 0) & (places < there)))
        (rows, rows_there), (columns, columns_there) = spans
        valid: Mask = np.zeros((rows.size, columns.size), dtype=np.bool_)
        rows, columns = rows[rows_there], columns[columns_there]
        if rows.size and columns.size:
            part = Window(columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)
            flags = read_window(self._datasets[band.name], band.source.index, part)
            known = _MASKS[band.name](flags)
            enlarged: Mask = known[:, columns - columns[0]][rows - rows[0]]
            if enlarged.shape == valid.shape:
                return enlarged
            valid[np.ix_(rows_there, columns_there)] = enlarged
        return valid

    def _resampled(self, band: Band, window: Window, resampling: Resampling) -> Values:
        """Return a band on the reference grid, NaN where it has no data; a mask as 1 valid, 0 not."""
        target = self._reference.crop(window)
        out: Values = np.full(target.shape, np.nan)
        part = _source_window(band.grid, target, band.source.path)
        if part is None:
            return out
        if band.source.is_mask:
            flags = read_window(self._datasets[band.name], band.source.index, part)
            values = _MASKS[band.name](flags).astype(np.float64)
        else:
            dn, known = self._native(band, part)
            values = dn.astype(np.float64)
            values[~known] = np.nan
        # Without a CRS on either side (checked above) both lie in one plane, whichever it is.
        crs = {"src_crs": band.grid.crs, "dst_crs": target.crs} if band.grid.crs else _ANY_PLANE
        with raster_problems(f"{band.source.path}: can't be resampled"):
            reproject(
                values, out, src_transform=band.grid.crop(part).transform, dst_transform=target.transform,
                src_nodata=np.nan, dst_nodata=np.nan, resampling=resampling, **crs,
            )  # fmt: skip
        return out


_ANY_PLANE: Mapping[str, Any] = MappingProxyType({"src_crs": "EPSG:3857", "dst_crs": "EPSG:3857"})


def _source_window(grid: Grid, target: Grid, path: str) -> Window | None:
    """Return the part of a band that resampling onto ``target`` needs; None where they don't meet."""
    if (grid.crs is None) != (target.crs is None):
        raise RasterError(
            f"{path}: lies on another grid and only one of the two has a CRS, so they can't be paired"
        )
    bounds = target.bounds
    if grid.crs != target.crs:
        with raster_problems(f"{path}: can't be brought onto the grid of the others"):
            bounds = transform_bounds(target.crs, grid.crs, *bounds, densify_pts=51)  # type: ignore[no-untyped-call]
    left, bottom, right, top = bounds
    inverse: Affine = ~grid.transform
    corners = [inverse @ (x, y) for x in (left, right) for y in (bottom, top)]
    columns, rows = [corner[0] for corner in corners], [corner[1] for corner in corners]
    if not np.isfinite([columns, rows]).all():
        return None
    # The kernel reaches one pixel further when enlarging, when reducing as many as fit into a target's pixel.
    reach = 2 + 2 * max(
        (max(columns) - min(columns)) / target.shape[1], (max(rows) - min(rows)) / target.shape[0], 1
    )
    height, width = grid.shape
    col0, col1 = max(0, int(min(columns) - reach)), min(width, int(max(columns) + reach) + 1)
    row0, row1 = max(0, int(min(rows) - reach)), min(height, int(max(rows) + reach) + 1)
    return Window(col0, row0, col1 - col0, row1 - row0) if col0 < col1 and row0 < row1 else None
