"""Making a stack: the bands of a product on one grid, as reflectance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from earthgazer_core.raster.reading import Block
from earthgazer_core.raster.result import RasterResult
from earthgazer_core.raster.scene import Scene, for_each_window, open_scene
from earthgazer_core.raster.source import BandSource


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
        names = tuple(band.name for band in scene.bands if not band.source.is_mask)
        layout = Layout("float32", names, "reflectance", nodata=float("nan"), compression=compression)
        valid = 0
        with writing_cog(out, scene.grid, layout, {"product": "stacked", **(tags or {})}, threads) as dataset:

            def consume(window: Window, piece: tuple[npt.NDArray[np.float32], int]) -> None:
                nonlocal valid
                pixels, clear = piece
                dataset.write(pixels, window=window)
                valid += clear

            for_each_window(
                scene, partial(_reflectance, scene, names), consume, "stacking", progress, threads
            )
            progress(Progress("writing COG", 0, 1))
        progress(Progress("writing COG", 1, 1))
    sha256, size_bytes = digest(out)
    return RasterResult(
        path=out,
        outcome=Outcome.OK if valid else Outcome.NO_CLEAR_PIXELS,
        crs=scene.grid.crs_text,
        transform=scene.grid.coefficients,
        height=scene.grid.shape[0],
        width=scene.grid.shape[1],
        bands=names,
        statistics=None,
        preview=None,
        sha256=sha256,
        size_bytes=size_bytes,
        parameters={
            "bbox": None if bbox is None else list(bbox.as_tuple()),
            **scene.parameters(),
            "valid": valid,
            "total": scene.grid.shape[0] * scene.grid.shape[1],
            "compression": compression,
            "warnings": [],
        },
    )


def _reflectance(scene: Scene, names: Sequence[str], block: Block) -> tuple[npt.NDArray[np.float32], int]:
    pixels = np.empty((len(names), *block.valid.shape), dtype=np.float32)
    for band, name in zip(pixels, names, strict=True):
        np.multiply(block.counts[name], scene.band(name).source.scale, out=band, casting="same_kind")
        band[~block.valid] = np.nan
    return pixels, int(block.valid.sum())
