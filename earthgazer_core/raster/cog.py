"""Writing cloud-optimised GeoTIFFs that appear under their name whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import Any

import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp, Interleaving
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter

from earthgazer_core.errors import StorageError
from earthgazer_core.raster.dataset import one_line, without_georeference_warnings
from earthgazer_core.raster.grid import Grid

BLOCK_PX = 512
"""Side of a tile of the output."""
_TAG_PREFIX = "EARTHGAZER_"


@dataclass(frozen=True, slots=True)
class Layout:
    """How a raster is stored."""

    dtype: str
    """``float32`` or ``uint8``."""
    bands: tuple[str, ...]
    """Description of each band."""
    units: str = ""
    """Unit of the values; empty for none."""
    nodata: float | None = None
    """Value of pixels that are not valid."""
    colors: tuple[ColorInterp, ...] | None = None
    """Meaning of each band in a picture."""
    compression: str = "DEFLATE"
    """Codec: DEFLATE is read everywhere, ZSTD is faster and smaller."""


@contextmanager
def writing_cog(
    out: Path,
    grid: Grid,
    layout: Layout,
    tags: Mapping[str, str],
    told: Callable[[float], None],
    threads: int,
) -> Iterator[DatasetWriter]:
    """Give an open raster to fill window by window, then make it the COG ``out``.

    The pixels wait uncompressed beside ``out``, since a COG keeps its overviews before its full resolution
    and so can't be written in passing. Whatever happens before the last rename, nothing of it remains.

    Args:
        out: File to write.
        grid: Where its pixels lie.
        layout: How it is stored.
        tags: Entries of its metadata.
        told: Told the share of the COG that is written: 0, then 1.
        threads: Threads for compressing.

    Raises:
        StorageError: the disk is full, or the folder can't be written.
    """
    stem = f".{out.name}.{uuid.uuid4().hex}"
    raw, cog = out.with_name(f"{stem}.raw.tif"), out.with_name(f"{stem}.cog.tif")
    with _as_storage_error(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _as_storage_error(out):
            dataset = _create(raw, grid, layout, tags)
        try:
            yield dataset
        except RasterioError as error:
            raise _unwritten(out, error) from error
        finally:
            dataset.close()
        told(0.0)
        with _as_storage_error(out):
            _check_whole(raw)
            _to_cog(raw, cog, layout, threads)
            _check_whole(cog)
            _sync(cog)
            cog.replace(out)
            _sync(out.parent)
        told(1.0)
    finally:
        raw.unlink(missing_ok=True)
        cog.unlink(missing_ok=True)


def _create(raw: Path, grid: Grid, layout: Layout, tags: Mapping[str, str]) -> DatasetWriter:
    # A grid of plain pixel coordinates is what a file without georeference has.
    transform = None if grid.transform.is_identity else grid.transform
    with without_georeference_warnings():
        dataset: DatasetWriter = rasterio.open(
            raw, "w", driver="GTiff", width=grid.shape[1], height=grid.shape[0], count=len(layout.bands),
            dtype=layout.dtype, crs=grid.crs, transform=transform, nodata=layout.nodata,
            tiled=True, blockxsize=BLOCK_PX, blockysize=BLOCK_PX, interleave="band", BIGTIFF="IF_SAFER",
        )  # fmt: skip
    dataset.descriptions = layout.bands
    dataset.units = (layout.units,) * len(layout.bands)
    if layout.colors is not None:
        dataset.colorinterp = layout.colors
    dataset.update_tags(**_tags(tags))
    return dataset


@contextmanager
def _as_storage_error(out: Path) -> Iterator[None]:
    try:
        yield
    except (RasterioError, OSError) as error:
        raise _unwritten(out, error) from error


def _unwritten(out: Path, error: Exception) -> StorageError:
    return StorageError(f"{out}: could not be written ({one_line(error)}); is there room on the disk?")


def digest(path: Path) -> tuple[str, int]:
    """Return the hex sha256 and the size in bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def software_version() -> str:
    """Return the name and version of this software, for the record in a file."""
    return f"EarthGazer {metadata.version('earthgazer')}"


def _to_cog(raw: Path, cog: Path, layout: Layout, threads: int) -> None:
    options: dict[str, Any] = {
        "BLOCKSIZE": BLOCK_PX,
        "COMPRESS": layout.compression,
        # Horizontal differences for whole numbers, by bytes for floating point.
        "PREDICTOR": "FLOATING_POINT" if layout.dtype.startswith("float") else "STANDARD",
        "OVERVIEW_RESAMPLING": "AVERAGE",
        "NUM_THREADS": threads,
        "BIGTIFF": "IF_SAFER",
    }
    if layout.compression == "ZSTD":
        options["LEVEL"] = 1
    rasterio.shutil.copy(raw, cog, driver="COG", **options)


def _check_whole(path: Path) -> None:
    """Check that every tile lies within the file: when the disk is full, closing a file tells nothing.

    Raises:
        OSError: a tile is missing or cut off.
    """
    size = path.stat().st_size
    with without_georeference_warnings():
        opened = rasterio.open(path)
    with opened as dataset:
        levels = [None, *range(len(dataset.overviews(1)))]
        planes = dataset.indexes if dataset.interleaving == Interleaving.band else (1,)
        for level in levels:
            shrink = 1 if level is None else dataset.overviews(1)[level]
            across, down = (
                math.ceil(math.ceil(side / shrink) / BLOCK_PX) for side in (dataset.width, dataset.height)
            )
            for plane, row, column in product(planes, range(down), range(across)):
                place = f"{column}_{row}"
                offset = dataset.get_tag_item(f"BLOCK_OFFSET_{place}", "TIFF", plane, level)
                length = dataset.get_tag_item(f"BLOCK_SIZE_{place}", "TIFF", plane, level)
                if offset is None or length is None or int(offset) + int(length) > size:
                    raise OSError(errno.ENOSPC, f"tile {place} of {path.name} is cut off")


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {
        "TIFFTAG_SOFTWARE": software_version(),
        **{f"{_TAG_PREFIX}{name.upper()}": value for name, value in tags.items()},
    }


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
