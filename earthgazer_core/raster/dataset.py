"""Opening and reading image files, so that whatever is wrong with one is told in one line."""

from __future__ import annotations

import math
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import TransformNotInvertibleError
from rasterio._err import CPLE_BaseError
from rasterio.enums import Interleaving
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from earthgazer_core.errors import RasterError
from earthgazer_core.raster.head import check_head

CACHE_BYTES = 64 << 20
"""GDAL's block cache for the whole process; its default of 5 % of RAM was most of the memory measured."""
MAX_PIXELS = 1 << 30
"""Pixels that an image may have: nine Sentinel-2 tiles. What declares more is no scene, but maybe a bomb."""
MAX_BLOCKS = 1 << 20
"""Tiles or strips that an image may be cut into; each takes time, however small it is."""
MAX_BLOCK_BYTES = 128 << 20
"""Bytes that a tile or strip may have when decoded, all bands that lie in it together."""
MAX_BANDS = 512
"""Bands that a file may have."""
GDAL_ERRORS = (RasterioError, CPLE_BaseError, TransformNotInvertibleError, ValueError, MemoryError)
"""What a bad file can raise: GDAL's own errors come through where rasterio doesn't translate them, and those
about systems of reference and about texts that are none are ValueErrors."""
_FARTHEST = 1e15
"""No coordinate on Earth, in whatever unit, is larger."""
_DRIVERS = {
    b"II*\0": "GTiff", b"MM\0*": "GTiff", b"II+\0": "GTiff", b"MM\0+": "GTiff",
    b"\0\0\0\x0c": "JP2OpenJPEG", b"\xffO\xffQ": "JP2OpenJPEG",
}  # fmt: skip
"""What a file begins with → the one driver that may read it, of GDAL's hundred and thirty.

Others follow references to further files and hosts, such as a VRT, or run what the file says.
"""


class _QuietScope:
    """Silences the warning from the first who enters until the last has left, in whatever order.

    Filters belong to the whole process: were they saved and restored by each thread, as rasterio does
    while it resamples, one would restore them under another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved = warnings.catch_warnings()

    def enter(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(None, None, None)


_quiet = _QuietScope()


def gdal_environment() -> rasterio.Env:
    """Return the environment in which rasters are read and written; each thread enters its own."""
    return rasterio.Env(  # type: ignore[no-untyped-call]
        # A whole number is bytes here, unlike the megabytes of GDAL's own variable.
        GDAL_CACHEMAX=CACHE_BYTES,
        # With threads of its own the JPEG 2000 driver loses errors: a truncated file would read as zeros.
        GDAL_NUM_THREADS=1,
    )


@contextmanager
def without_georeference_warnings() -> Iterator[None]:
    """Let files without georeference pass: they are judged where a place on Earth is asked for."""
    _quiet.enter()
    try:
        yield
    finally:
        _quiet.leave()


@contextmanager
def open_dataset(path: str) -> Iterator[DatasetReader]:
    """Open a GeoTIFF or JPEG 2000 file of this machine for reading.

    Nothing else is opened, whatever the path or the file says: no address, no archive, no list of further
    files.

    Raises:
        RasterError: missing, not an image, too large to be a scene, or placed by ground control points
            alone.
    """
    driver = _driver_for(path)
    # Absolute, no path begins with a prefix by which GDAL would take it for a command.
    absolute = str(Path(path).absolute())
    with raster_problems(f"{path}: not a readable image"), without_georeference_warnings():
        dataset = rasterio.open(absolute, driver=driver)
    with dataset:
        with raster_problems(f"{path}: not a readable image"):
            _check_size(dataset, path)
            _check_place(dataset, path)
        yield dataset


@contextmanager
def raster_problems(what: str) -> Iterator[None]:
    """Turn what GDAL and rasterio raise inside into our error: ``what``, then their words."""
    try:
        yield
    except GDAL_ERRORS as error:
        raise RasterError(f"{what} ({one_line(error)})") from error


def _driver_for(path: str) -> str:
    if "\0" in path or str(Path(path).absolute()).startswith("/vsi"):
        raise RasterError(f"{path!r}: not a file of this machine")
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise RasterError(f"{path}: no such file") from None
    except OSError as error:
        raise RasterError(f"{path}: can't be opened ({error.strerror})") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise RasterError(f"{path}: not a regular file")
        driver = _DRIVERS.get(os.pread(descriptor, 4, 0))
        check_head(descriptor, path)
    finally:
        os.close(descriptor)
    if driver is None:
        raise RasterError(f"{path}: not a readable image (neither GeoTIFF nor JPEG 2000)")
    return driver


def _check_size(dataset: DatasetReader, path: str) -> None:
    height, width = dataset.shape
    if dataset.count > MAX_BANDS:
        raise RasterError(f"{path}: has {dataset.count} bands; no more than {MAX_BANDS} are read")
    if height * width > MAX_PIXELS:
        raise RasterError(
            f"{path}: declares {width} x {height} pixels, which is more than a scene has ({MAX_PIXELS});"
            " if it really is that large, cut it up first (gdal_translate -srcwin)"
        )
    rows, columns = dataset.block_shapes[0]
    blocks = -(-height // rows) * -(-width // columns)
    # Asked about a damaged JPEG 2000 file, GDAL may search it for its structure without end.
    is_alone = dataset.driver == "GTiff" and dataset.interleaving is Interleaving.band
    sharing = 1 if is_alone else dataset.count
    block_bytes = rows * columns * sharing * max(np.dtype(dtype).itemsize for dtype in dataset.dtypes)
    if blocks > MAX_BLOCKS or block_bytes > MAX_BLOCK_BYTES:
        raise RasterError(
            f"{path}: is stored in {blocks} blocks of {block_bytes} bytes, and no more than {MAX_BLOCKS} of"
            f" {MAX_BLOCK_BYTES} are read; tile it anew (gdal_translate -of COG)"
        )


def _check_place(dataset: DatasetReader, path: str) -> None:
    points, _ = dataset.gcps
    if points and dataset.transform.is_identity:
        raise RasterError(
            f"{path}: placed by {len(points)} ground control points alone;"
            " warp it onto a grid first (gdalwarp)"
        )
    coefficients = dataset.transform[:6]
    if not all(math.isfinite(value) and abs(value) < _FARTHEST for value in coefficients):
        raise RasterError(f"{path}: its geotransform {tuple(coefficients)} places it nowhere")
    if dataset.transform.is_degenerate or not math.isfinite(dataset.transform.determinant):
        raise RasterError(f"{path}: its geotransform {tuple(coefficients)} gives pixels no area")


def read_window(dataset: DatasetReader, index: int, window: Window) -> npt.NDArray[Any]:
    """Return one band of a window as stored, shape (height, width).

    Raises:
        RasterError: no such band, or the bytes can't be decoded.
    """
    if not 1 <= index <= dataset.count:
        raise RasterError(f"{dataset.name}: has {dataset.count} band(s), no band {index}")
    try:
        values: npt.NDArray[Any] = dataset.read(index, window=window)
    except GDAL_ERRORS as error:
        raise RasterError(
            f"{dataset.name}: corrupt or truncated at row {int(window.row_off)}, column {int(window.col_off)}"
            f" ({one_line(error)}); fetch the file again"
        ) from error
    if np.iscomplexobj(values):
        raise RasterError(f"{dataset.name}: complex numbers ({values.dtype}) are no reflectance")
    return values


def one_line(error: BaseException) -> str:
    """Return the innermost words of an error, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__
