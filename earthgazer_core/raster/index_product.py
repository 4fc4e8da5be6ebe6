"""Making the raster of a spectral index, with its statistics in the same pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from earthgazer_core.domain.artifact import Outcome
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.progress import Progress, ProgressSink, unheard
from earthgazer_core.raster.cog import Layout, digest, writing_cog
from earthgazer_core.raster.dataset import gdal_environment
from earthgazer_core.raster.indices import Index, index_named
from earthgazer_core.raster.preview import index_preview
from earthgazer_core.raster.reading import Band, Block, Values
from earthgazer_core.raster.result import RasterResult
from earthgazer_core.raster.scene import Scene, for_each_window, open_scene
from earthgazer_core.raster.source import BandSource
from earthgazer_core.raster.statistics import Accumulator

DOUBTFUL_SHARE = 0.25
"""More valid pixels than this below zero reflectance make an offset look applied twice."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """One window of an index."""

    pixels: npt.NDArray[np.float32]
    values: Values
    data: int
    negative: int


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
    threads: int = 2,
) -> RasterResult:
    """Write an index as a float32 COG, NaN where not valid, and return it with its statistics.

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
        threads: Threads for reading and for compressing.

    Raises:
        InvalidInputError: no such index, or a band it needs is missing.
        RasterError: a file is corrupt, has no CRS where ``bbox`` is given, ….
        OutsideSceneError: ``bbox`` doesn't touch the scene.
        StorageError: the file can't be written.
    """
    index = index_named(name)
    with gdal_environment():
        scene = open_scene(sources, index.bands, bbox, reference)
        accumulator = Accumulator(*index.histogram_range)
        data = negative = 0
        layout = Layout("float32", (index.name,), "1", nodata=float("nan"), compression=compression)
        details = {"product": index.name, "formula": index.formula, **(tags or {})}
        with writing_cog(out, scene.grid, layout, details, threads) as dataset:

            def consume(window: Window, piece: _Piece) -> None:
                nonlocal data, negative
                dataset.write(piece.pixels, 1, window=window)
                accumulator.add(piece.values, piece.pixels.size)
                data += piece.data
                negative += piece.negative

            for_each_window(scene, partial(_compute, index, scene), consume, index.name, progress, threads)
            progress(Progress("writing COG", 0, 1))
        progress(Progress("writing COG", 1, 1))
        preview = index_preview(out)
    statistics = accumulator.result()
    sha256, size_bytes = digest(out)
    share = negative / data if data else 0.0
    return RasterResult(
        path=out,
        outcome=Outcome.OK if statistics.valid else Outcome.NO_CLEAR_PIXELS,
        crs=scene.grid.crs_text,
        transform=scene.grid.coefficients,
        height=scene.grid.shape[0],
        width=scene.grid.shape[1],
        bands=(index.name,),
        statistics=statistics,
        preview=preview,
        sha256=sha256,
        size_bytes=size_bytes,
        parameters={
            "index": index.name,
            "formula": index.formula,
            "bbox": None if bbox is None else list(bbox.as_tuple()),
            **scene.parameters(),
            "percentiles": accumulator.percentile_method,
            "compression": compression,
            "warnings": _doubts(share),
        },
    )


def _compute(index: Index, scene: Scene, block: Block) -> _Piece:
    bands = {name: scene.band(name) for name in index.bands}
    # With one scale for all, a ratio of sums of whole numbers is rounded once only; see BandSource.shift.
    is_scaled = not (index.is_ratio and len({band.source.scale for band in bands.values()}) == 1)
    inputs = {
        name: block.counts[name] * band.source.scale if is_scaled else block.counts[name]
        for name, band in bands.items()
    }
    # Pixels that are not valid hold arbitrary numbers until they are taken out.
    with np.errstate(over="ignore", invalid="ignore"):
        result = index.compute(**inputs)
        pixels = result.astype(np.float32)
    valid = block.valid & np.isfinite(result)
    if valid.all():
        values = result.ravel()
    else:
        values = result[valid]
        pixels[~valid] = np.nan
    return _Piece(pixels, values, int(np.count_nonzero(block.valid)), _negative(block, bands.values()))


def _negative(block: Block, bands: Iterable[Band]) -> int:
    """Return how many valid pixels have a reflectance below 0 in some band."""
    shifted = [block.counts[band.name] for band in bands if band.source.shift < 0]
    if not shifted:
        return 0
    return int(np.count_nonzero(block.valid & (np.minimum.reduce(shifted) < 0)))


def _doubts(negative_share: float) -> list[str]:
    if negative_share <= DOUBTFUL_SHARE:
        return []
    return [
        f"{negative_share:.0%} of the clear pixels have a reflectance below 0:"
        " the offset may have been applied to these files already"
    ]
