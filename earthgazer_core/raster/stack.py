"""Making a stack: the bands of a product on one grid, as reflectance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.progress import ProgressSink, unheard
from earthgazer_core.raster.cog import writing_cog
from earthgazer_core.raster.dataset import gdal_environment
from earthgazer_core.raster.doubt import OffsetDoubt, count_negative
from earthgazer_core.raster.finishing import file_tags, finished
from earthgazer_core.raster.layout import Layout
from earthgazer_core.raster.memory import frugal_memory
from earthgazer_core.raster.passes import Passes
from earthgazer_core.raster.reading import Block
from earthgazer_core.raster.result import RasterResult
from earthgazer_core.raster.scene import Scene, for_each_window, open_scene
from earthgazer_core.raster.source import BandSource
from earthgazer_core.raster.spare import Spare


@dataclass(frozen=True, slots=True)
class _Piece:
    """One window of a stack."""

    pixels: npt.NDArray[np.float32]
    """Reflectance, shape (band, height, width)."""
    valid: int
    """Pixels that are data and clear."""
    negative: int
    """Those with a reflectance below 0 in some band."""


@frugal_memory()
def make_stack(
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
    """Write the bands given as one float32 COG of reflectance, NaN where not valid.

    Bands keep the order of ``sources`` and carry their STAC common names. A pixel is valid where every
    band is data and every mask given shows the ground; it is so in all bands or in none.

    Args:
        sources: Bands and masks of one product.
        bbox: Part to make, lon/lat; None means the whole scene.
        out: File to write; it appears whole or not at all.
        tags: Further entries for the file's metadata.
        progress: Told of each window.
        reference: Band whose grid is used; None means the finest.
        compression: ``DEFLATE`` or ``ZSTD``.
        threads: Threads for reading and for compressing.

    Raises:
        InvalidInputError: no band given, or one twice.
        RasterError: a file is corrupt, has no CRS where ``bbox`` is given, ….
        OutsideSceneError: ``bbox`` doesn't touch the scene.
        StorageError: the file can't be written.
    """
    with gdal_environment():
        scene = open_scene(sources, None, bbox, reference)
        passes = Passes(progress, len(scene.windows()), 2)
        names = tuple(band.name for band in scene.bands if not band.source.is_mask)
        layout = Layout("float32", names, "reflectance", nodata=float("nan"), compression=compression)
        valid, doubt = 0, OffsetDoubt()
        spare = Spare(np.float32)
        with writing_cog(
            out, scene.grid, layout, file_tags("stacked", scene, tags), passes.writing(), threads
        ) as raster:

            def consume(window: Window, piece: _Piece) -> None:
                nonlocal valid
                raster.write(piece.pixels, window)
                valid += piece.valid
                doubt.add(piece.valid, piece.negative)
                spare.give(piece.pixels)

            work = partial(_reflectance, scene, names, spare)
            for_each_window(scene, work, consume, passes.told(0, "stacking"), threads)
    return finished(
        out, scene, bbox, layout, sha256=raster.sha256, valid=valid, statistics=None, preview=None,
        parameters={"warnings": doubt.warnings()},
    )  # fmt: skip


def _reflectance(scene: Scene, names: Sequence[str], spare: Spare, block: Block) -> _Piece:
    pixels = spare.take((len(names), *block.valid.shape))
    bands = [scene.band(name) for name in names]
    for rows, part in block.parts():
        is_unknown = ~part.valid
        for out, band in zip(pixels[:, rows], bands, strict=True):
            np.multiply(part.counts(band.name), band.source.scale, out=out, casting="same_kind")
            np.copyto(out, np.float32(np.nan), where=is_unknown)
    return _Piece(pixels, int(np.count_nonzero(block.valid)), count_negative(block, bands))
