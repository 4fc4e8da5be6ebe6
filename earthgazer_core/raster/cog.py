"""Writing cloud-optimised GeoTIFFs that appear under their name whole or not at all."""

from __future__ import annotations

import hashlib
import math
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter

from earthgazer_core.errors import StorageError
from earthgazer_core.raster.dataset import one_line, without_georeference_warnings
from earthgazer_core.raster.grid import Grid
from earthgazer_core.raster.layout import BLOCK_PX, Layout
from earthgazer_core.raster.pyramid import Level
from earthgazer_core.raster.tiff import assemble, images

_TAG_PREFIX = "EARTHGAZER_"


@contextmanager
def writing_cog(
    out: Path,
    grid: Grid,
    layout: Layout,
    tags: Mapping[str, str],
    told: Callable[[float], None],
    threads: int,
) -> Iterator[Level]:
    """Give a raster to fill window by window, then make it the COG ``out``.

    Tiles are compressed as they come, overviews with them; they wait beside ``out``, since a COG keeps its
    overviews before its full resolution, and are laid out in that order at the end. Whatever happens before
    the last rename, nothing of it remains.

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
    cog, parts = out.with_name(f"{stem}.cog.tif"), list[Path]()

    def create(number: int, shape: tuple[int, int]) -> DatasetWriter:
        parts.append(out.with_name(f"{stem}.{number}.tif"))
        if number == 0:
            return _create(parts[-1], grid, layout, tags, threads)
        return _create(parts[-1], Grid(None, Affine.identity(), shape), layout, {}, threads)

    with _as_storage_error(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _as_storage_error(out):
            full = Level(create, layout, grid.shape)
        try:
            yield full
        except RasterioError as error:
            raise _unwritten(out, error) from error
        finally:
            full.close()
        told(0.0)
        with _as_storage_error(out):
            _add_overviews(parts[-1], layout, threads)
            assemble([image for part in parts for image in images(part)], cog)
            _sync(cog)
            cog.replace(out)
            _sync(out.parent)
        told(1.0)
    finally:
        for path in (*parts, cog):
            path.unlink(missing_ok=True)


def _create(path: Path, grid: Grid, layout: Layout, tags: Mapping[str, str], threads: int) -> DatasetWriter:
    # A grid of plain pixel coordinates is what a file without georeference has.
    transform = None if grid.transform.is_identity else grid.transform
    with without_georeference_warnings():
        dataset: DatasetWriter = rasterio.open(
            path, "w", driver="GTiff", width=grid.shape[1], height=grid.shape[0], count=len(layout.bands),
            dtype=layout.dtype, crs=grid.crs, transform=transform, nodata=layout.nodata,
            tiled=True, blockxsize=BLOCK_PX, blockysize=BLOCK_PX, interleave="pixel", BIGTIFF="IF_SAFER",
            ENDIANNESS="LITTLE", NUM_THREADS=threads, **_codec(layout),
        )  # fmt: skip
    dataset.descriptions = layout.bands
    dataset.units = (layout.units,) * len(layout.bands)
    if layout.colors is not None:
        dataset.colorinterp = layout.colors
    if layout.step is not None:
        dataset.scales = (layout.step,) * len(layout.bands)
    if tags:
        dataset.update_tags(**_tags(tags))
    return dataset


def _codec(layout: Layout) -> dict[str, Any]:
    # Horizontal differences for whole numbers, by bytes for floating point.
    is_float = layout.dtype.startswith("float")
    options: dict[str, Any] = {"COMPRESS": layout.compression, "PREDICTOR": 3 if is_float else 2}
    if layout.compression == "ZSTD":
        options["ZSTD_LEVEL"] = 1
    elif is_float:
        # Mantissas are noise: higher levels take a third more time and make nothing smaller.
        options["ZLEVEL"] = 1
    return options


def _add_overviews(path: Path, layout: Layout, threads: int) -> None:
    """Let GDAL add what overviews are missing: from the coarsest resolution there is to a single tile."""
    # A file that the disk cut short is told from its bytes; GDAL would say so in many ways.
    images(path)
    options = {f"{name}_OVERVIEW": value for name, value in _codec(layout).items()}
    with (
        without_georeference_warnings(),
        rasterio.Env(  # type: ignore[no-untyped-call]
            GDAL_NUM_THREADS=threads, GDAL_TIFF_OVR_BLOCKSIZE=BLOCK_PX, **options
        ),
        rasterio.open(path, "r+") as dataset,
    ):
        factors, factor = list[int](), 1
        while math.ceil(max(dataset.shape) / factor) > BLOCK_PX:
            factor *= 2
            factors.append(factor)
        if factors:
            dataset.build_overviews(factors, Resampling.average)


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
