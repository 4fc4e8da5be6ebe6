"""Opening and reading image files, so that whatever is wrong with one is told in one line."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from earthgazer_core.errors import RasterError

CACHE_BYTES = 64 << 20
"""GDAL's block cache for the whole process; its default of 5 % of RAM was most of the memory measured."""


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
    """Open a file for reading.

    Raises:
        RasterError: missing, not an image, or placed by ground control points alone.
    """
    if not path.startswith("/vsi") and "://" not in path and not Path(path).exists():
        raise RasterError(f"{path}: no such file")
    try:
        with without_georeference_warnings():
            dataset = rasterio.open(path)
    except RasterioError as error:
        raise RasterError(f"{path}: not a readable image ({one_line(error)})") from error
    with dataset:
        points, _ = dataset.gcps
        if points and dataset.transform.is_identity:
            raise RasterError(
                f"{path}: placed by {len(points)} ground control points alone;"
                " warp it onto a grid first (gdalwarp)"
            )
        yield dataset


def read_window(dataset: DatasetReader, index: int, window: Window) -> npt.NDArray[Any]:
    """Return one band of a window as stored, shape (height, width).

    Raises:
        RasterError: no such band, or the bytes can't be decoded.
    """
    if not 1 <= index <= dataset.count:
        raise RasterError(f"{dataset.name}: has {dataset.count} band(s), no band {index}")
    try:
        values: npt.NDArray[Any] = dataset.read(index, window=window)
    except RasterioError as error:
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
