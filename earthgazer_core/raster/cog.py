"""Writing cloud-optimised GeoTIFFs that appear under their name whole or not at all."""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window

from earthgazer_core.errors import StorageError
from earthgazer_core.raster.dataset import one_line, without_georeference_warnings
from earthgazer_core.raster.grid import Grid
from earthgazer_core.raster.layout import BLOCK_PX, Layout
from earthgazer_core.raster.pyramid import Level, Pixels
from earthgazer_core.raster.tiff import Entry, assemble, described, images
from earthgazer_core.raster.tile_codec import predictor
from earthgazer_core.raster.tile_file import TileFile, UnwrittenError

_TAG_PREFIX = "EARTHGAZER_"


class CogWriter:
    """Takes the pixels of a raster, window by window."""

    def __init__(self, full: Level) -> None:
        self._full = full
        self.sha256 = ""
        """Hex digest of the file, once it is whole."""

    def write(self, pixels: Pixels, window: Window) -> None:
        """Take the pixels of a window; none may come twice."""
        self._full.write(pixels, window)


@contextmanager
def writing_cog(
    out: Path,
    grid: Grid,
    layout: Layout,
    tags: Mapping[str, str],
    told: Callable[[float], None],
    threads: int,
) -> Iterator[CogWriter]:
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
    cog = out.with_name(f"{stem}.cog.tif")
    parts: list[Path] = []
    waste: list[Path] = []
    with ExitStack() as stack:
        stack.callback(_remove, waste)

        def create(number: int, shape: tuple[int, int]) -> TileFile:
            path = out.with_name(f"{stem}.{number}.tif")
            parts.append(path)
            waste.append(path)
            if number == 0:
                entries = _entries(grid, layout, tags)
            else:
                entries = _entries(Grid(None, Affine.identity(), shape), layout, {})
            tiles = math.ceil(shape[0] / BLOCK_PX) * math.ceil(shape[1] / BLOCK_PX)
            return stack.enter_context(TileFile(path, entries, tiles))

        with _as_storage_error(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            waste.append(cog)
            pool = ThreadPoolExecutor(threads, thread_name_prefix="tiles")
            # After an error what waits to be compressed is of no use.
            stack.callback(pool.shutdown, cancel_futures=True)
            full = Level(create, layout, grid.shape, pool, 2 * threads)
        writer = CogWriter(full)
        try:
            yield writer
            full.finish()
        except UnwrittenError as error:
            raise _unwritten(out, error) from error
        told(0.0)
        with _as_storage_error(out):
            _add_overviews(parts[-1], layout, threads)
            writer.sha256 = assemble([image for part in parts for image in images(part)], cog)
            _sync(cog)
            cog.replace(out)
            _sync(out.parent)
        told(1.0)


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _entries(grid: Grid, layout: Layout, tags: Mapping[str, str]) -> dict[int, Entry]:
    """Return the tags of a TIFF of this kind, as GDAL writes them for one that has no tiles yet."""
    # A grid of plain pixel coordinates is what a file without georeference has.
    transform = None if grid.transform.is_identity else grid.transform
    with MemoryFile() as file:  # type: ignore[no-untyped-call]
        with (
            without_georeference_warnings(),
            file.open(
                driver="GTiff", width=grid.shape[1], height=grid.shape[0], count=len(layout.bands),
                dtype=layout.dtype, crs=grid.crs, transform=transform, nodata=layout.nodata, tiled=True,
                blockxsize=BLOCK_PX, blockysize=BLOCK_PX, interleave="pixel", ENDIANNESS="LITTLE",
                SPARSE_OK=True, **_codec(layout),
            ) as dataset,
        ):  # fmt: skip
            dataset.descriptions = layout.bands
            dataset.units = (layout.units,) * len(layout.bands)
            if layout.colors is not None:
                dataset.colorinterp = layout.colors
            if layout.step is not None:
                dataset.scales = (layout.step,) * len(layout.bands)
            if tags:
                dataset.update_tags(**_tags(tags))
        return described(bytes(file.getbuffer()))


def _codec(layout: Layout) -> dict[str, Any]:
    return {"COMPRESS": layout.compression, "PREDICTOR": predictor(layout.dtype)}


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
    except (RasterioError, OSError, UnwrittenError) as error:
        raise _unwritten(out, error) from error


def _unwritten(out: Path, error: Exception) -> StorageError:
    return StorageError(f"{out}: could not be written ({one_line(error)}); is there room on the disk?")


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
