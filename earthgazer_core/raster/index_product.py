"""Making the raster of a spectral index, with its statistics in the same pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.progress import ProgressSink, unheard
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.raster.cog import writing_cog
from earthgazer_core.raster.dataset import gdal_environment
from earthgazer_core.raster.doubt import OffsetDoubt, count_negative
from earthgazer_core.raster.finishing import file_tags, finished
from earthgazer_core.raster.indices import Index, index_named
from earthgazer_core.raster.layout import INT16_NODATA, INT16_STEP, Layout, StoredRangeError
from earthgazer_core.raster.memory import frugal_memory
from earthgazer_core.raster.passes import Passes
from earthgazer_core.raster.preview import index_preview
from earthgazer_core.raster.reading import Block
from earthgazer_core.raster.result import RasterResult
from earthgazer_core.raster.scene import Scene, for_each_window, open_scene
from earthgazer_core.raster.source import BandSource
from earthgazer_core.raster.spare import Spare
from earthgazer_core.raster.statistics import Accumulator, Tally

Stored = Literal["float32", "int16"]
"""Type of the numbers in the file; see :func:`make_index`."""

Pixels = npt.NDArray[np.float32]
"""(height, width), as stored or to be stored."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """One window of an index."""

    pixels: Pixels
    """As stored."""
    tally: Tally
    """What its valid values, as computed, add to the statistics."""
    data: int
    """Pixels that are data and clear."""
    negative: int
    """Those with a reflectance below 0."""


@frugal_memory()
def make_index(
    name: str,
    sources: Sequence[BandSource],
    bbox: BBox | None,
    out: Path,
    *,
    tags: Mapping[str, str] | None = None,
    progress: ProgressSink = unheard,
    reference: str | None = None,
    compression: str = "DEFLATE",
    stored: Stored = "float32",
    threads: int = 2,
) -> RasterResult:
    """Write an index as a COG and return it with its statistics.

    A pixel is valid where every band is data, every mask given shows the ground and the index is finite.
    Statistics are of the double precision values before they are stored; nothing is clipped. A scene
    without a valid pixel is an outcome, not an error.

    Args:
        name: One of :data:`earthgazer_core.raster.indices.INDICES`.
        sources: Bands and masks of one product; bands that the index doesn't need are left alone.
        bbox: Part to make, lon/lat; None means the whole scene.
        out: File to write; it appears whole or not at all.
        tags: Further entries for the file's metadata.
        progress: Told of each window.
        reference: Band whose grid is used; None means the finest.
        compression: ``DEFLATE`` or ``ZSTD``.
        stored: ``float32``, NaN where not valid; or ``int16`` in steps of 0.0001, -32768 where not valid,
            which takes half the room. Where a value lies beyond ±3.2767 it is float32 all the same, with a
            warning: values are never clipped.
        threads: Threads for reading and for compressing.

    Raises:
        InvalidInputError: no such index or way to store it, or a band it needs is missing.
        RasterError: a file is corrupt, has no CRS where ``bbox`` is given, ….
        OutsideSceneError: ``bbox`` doesn't touch the scene.
        StorageError: the file can't be written.
    """
    index = index_named(name)
    if stored not in ("float32", "int16"):
        raise InvalidInputError(f"no way {stored!r} to store values; there are float32 and int16")
    write = partial(_write, index, sources, bbox, out, tags, progress, reference, threads)
    if stored == "float32":
        return write(_layout(index, compression), ())
    layout = Layout(
        "int16", (index.name,), "1", nodata=INT16_NODATA, compression=compression, step=INT16_STEP
    )
    try:
        return write(layout, ())
    except StoredRangeError as error:
        # Which values there are is known once they are computed.
        reason = f"stored as float32: int16 doesn't hold {error}"
        return write(_layout(index, compression), (reason,))


def _layout(index: Index, compression: str) -> Layout:
    return Layout("float32", (index.name,), "1", nodata=float("nan"), compression=compression)


def _write(
    index: Index, sources: Sequence[BandSource], bbox: BBox | None, out: Path,
    tags: Mapping[str, str] | None, progress: ProgressSink, reference: str | None, threads: int,
    layout: Layout, warnings: Sequence[str],
) -> RasterResult:  # fmt: skip
    with gdal_environment():
        scene = open_scene(sources, index.bands, bbox, reference)
        passes = Passes(progress, len(scene.windows()), 2)
        accumulator, doubt = Accumulator(*index.histogram_range), OffsetDoubt()
        spare = Spare(np.float32)
        with writing_cog(
            out, scene.grid, layout, file_tags(index.name, scene, tags), passes.writing(), threads
        ) as raster:

            def consume(window: Window, piece: _Piece) -> None:
                raster.write(piece.pixels[np.newaxis], window)
                accumulator.merge(piece.tally, piece.pixels.size)
                doubt.add(piece.data, piece.negative)
                spare.give(piece.pixels)

            work = partial(_compute, index, scene, accumulator, spare)
            for_each_window(scene, work, consume, passes.told(0, index.name), threads)
        preview = index_preview(out)
    statistics = accumulator.result()
    return finished(
        out, scene, bbox, layout, sha256=raster.sha256, valid=statistics.valid, statistics=statistics,
        preview=preview,
        parameters={
            "index": index.name,
            "formula": index.formula,
            "percentiles": accumulator.percentile_method,
            "warnings": [*doubt.warnings(), *warnings],
        },
    )  # fmt: skip


def _compute(index: Index, scene: Scene, accumulator: Accumulator, spare: Spare, block: Block) -> _Piece:
    bands = {name: scene.band(name) for name in index.bands}
    # With one scale for all, a ratio of sums of whole numbers is rounded once only; see BandSource.shift.
    is_scaled = not (index.is_ratio and len({band.source.scale for band in bands.values()}) == 1)
    pixels = spare.take(block.valid.shape)
    tally = accumulator.tally(pixels.size, None if is_scaled else block.largest_sum())
    for rows, part in block.parts():
        inputs = {name: part.counts(name) for name in bands}
        if is_scaled:
            for name, band in bands.items():
                inputs[name] *= band.source.scale
        # Pixels that are not valid hold arbitrary numbers until they are taken out.
        with np.errstate(over="ignore", invalid="ignore"):
            result = index.compute(**inputs)
            pixels[rows] = result
        valid = part.valid & np.isfinite(result)
        if valid.all():
            tally.add(result.ravel())
        else:
            tally.add(result[valid])
            np.copyto(pixels[rows], np.float32(np.nan), where=~valid)
    data = int(np.count_nonzero(block.valid))
    return _Piece(pixels, tally.counted(), data, count_negative(block, bands.values()))
