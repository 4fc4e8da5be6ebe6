"""Making a true-colour picture of a product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.progress import ProgressSink, unheard
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.raster.cog import writing_cog
from earthgazer_core.raster.dataset import gdal_environment
from earthgazer_core.raster.finishing import file_tags, finished
from earthgazer_core.raster.layout import Layout
from earthgazer_core.raster.memory import frugal_memory
from earthgazer_core.raster.passes import Passes
from earthgazer_core.raster.preview import picture_preview
from earthgazer_core.raster.reading import Block
from earthgazer_core.raster.result import RasterResult
from earthgazer_core.raster.scene import Scene, for_each_window, open_scene
from earthgazer_core.raster.source import BandSource
from earthgazer_core.raster.statistics import Accumulator, Tally

Stretch = Literal["per-band", "joint", "fixed"]
"""Which reflectance becomes black and which white; see :func:`make_rgb`."""

FIXED_RANGE = (0.0, 0.3)
"""Reflectance from black to white of the fixed stretch: ESA's own for true colour."""
_BANDS = ("red", "green", "blue")
_COLORS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)

Range = tuple[float, float]
"""Reflectance of black and of white."""


@frugal_memory()
def make_rgb(
    sources: Sequence[BandSource],
    bbox: BBox | None,
    out: Path,
    *,
    tags: Mapping[str, str] | None = None,
    progress: ProgressSink = unheard,
    stretch: Stretch = "per-band",
    reference: str | None = None,
    compression: str = "DEFLATE",
    threads: int = 2,
) -> RasterResult:
    """Write a true-colour picture as an 8 bit COG of red, green, blue and alpha.

    Reflectance is stretched linearly, clipped to black and white and rounded to the nearest of 0 to 255;
    alpha is 255 where valid and 0 elsewhere. Where black and white come from the pixels, these are read
    twice.

    Args:
        sources: Bands and masks of one product; only red, green, blue and the masks are used.
        bbox: Part to make, lon/lat; None means the whole scene.
        out: File to write; it appears whole or not at all.
        tags: Further entries for the file's metadata.
        progress: Told of each window.
        stretch: ``per-band``: 2nd to 98th percentile of the valid pixels of each band, which removes haze;
            ``joint``: lowest 2nd to highest 98th percentile for all, which keeps colours true;
            ``fixed``: reflectance 0 to 0.3, which makes dates comparable.
        reference: Band whose grid is used; None means the finest.
        compression: ``DEFLATE`` or ``ZSTD``.
        threads: Threads for reading and for compressing.

    Raises:
        InvalidInputError: red, green or blue is missing, or no such stretch.
        RasterError: a file is corrupt, has no CRS where ``bbox`` is given, ….
        OutsideSceneError: ``bbox`` doesn't touch the scene.
        StorageError: the file can't be written.
    """
    if stretch not in ("per-band", "joint", "fixed"):
        raise InvalidInputError(f"no stretch {stretch!r}; there are per-band, joint and fixed")
    with gdal_environment():
        scene = open_scene(sources, _BANDS, bbox, reference)
        passes = Passes(progress, len(scene.windows()), 2 if stretch == "fixed" else 3)
        ranges, method = _ranges(scene, stretch, passes, threads)
        layout = Layout("uint8", (*_BANDS, "alpha"), colors=_COLORS, compression=compression)
        valid = 0
        with writing_cog(
            out, scene.grid, layout, file_tags("rgb", scene, tags), passes.writing(), threads
        ) as raster:

            def consume(window: Window, pixels: npt.NDArray[np.uint8]) -> None:
                nonlocal valid
                raster.write(pixels, window)
                valid += int(np.count_nonzero(pixels[3]))

            for_each_window(
                scene,
                partial(_picture, scene, ranges),
                consume,
                passes.told(passes.count - 2, "rgb"),
                threads,
            )  # fmt: skip
        preview = picture_preview(out)
    return finished(
        out, scene, bbox, layout, sha256=raster.sha256, valid=valid, statistics=None, preview=preview,
        parameters={
            "stretch": stretch,
            "ranges": {name: list(ends) for name, ends in ranges.items()},
            "percentiles": method,
            "warnings": [],
        },
    )  # fmt: skip


def _ranges(
    scene: Scene, stretch: Stretch, passes: Passes, threads: int
) -> tuple[dict[str, Range], str | None]:
    """Return the reflectance of black and white of each band, and how percentiles were found."""
    if stretch == "fixed":
        return dict.fromkeys(_BANDS, FIXED_RANGE), None
    seen = {name: Accumulator() for name in _BANDS}

    def consume(_: Window, tallies: dict[str, Tally]) -> None:
        for name, tally in tallies.items():
            seen[name].merge(tally, tally.count)

    for_each_window(scene, partial(_tallies, scene, seen), consume, passes.told(0, "rgb range"), threads)
    ranges: dict[str, Range] = {}
    for name in _BANDS:
        statistics = seen[name].result()
        low, high = statistics.p02, statistics.p98
        ranges[name] = FIXED_RANGE if low is None or high is None else (low, high)
    if stretch == "joint":
        both = (min(low for low, _ in ranges.values()), max(high for _, high in ranges.values()))
        ranges = dict.fromkeys(_BANDS, both)
    return ranges, seen[_BANDS[0]].percentile_method


def _tallies(scene: Scene, seen: Mapping[str, Accumulator], block: Block) -> dict[str, Tally]:
    tallies = {name: seen[name].tally(block.valid.size) for name in _BANDS}
    for _, part in block.parts():
        for name, tally in tallies.items():
            tally.add(part.counts(name)[part.valid] * scene.band(name).source.scale)
    return {name: tally.counted() for name, tally in tallies.items()}


def _picture(scene: Scene, ranges: Mapping[str, Range], block: Block) -> npt.NDArray[np.uint8]:
    pixels: npt.NDArray[np.uint8] = np.empty((4, *block.valid.shape), dtype=np.uint8)
    for rows, part in block.parts():
        is_unknown = ~part.valid
        for channel, name in enumerate(_BANDS):
            low, high = ranges[name]
            if high <= low:
                # An area of one single colour has no range; it becomes black, not an error.
                pixels[channel, rows] = 0
                continue
            level = part.counts(name)
            # Pixels that are not valid hold arbitrary numbers until they are taken out.
            with np.errstate(over="ignore", invalid="ignore"):
                level *= scene.band(name).source.scale
                level -= low
                level /= high - low
                np.clip(level, 0.0, 1.0, out=level)
                level *= 255.0
            np.rint(level, out=level)
            np.copyto(level, 0.0, where=is_unknown)
            pixels[channel, rows] = level
    pixels[3] = np.where(block.valid, np.uint8(255), np.uint8(0))
    return pixels
