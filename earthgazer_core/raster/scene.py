"""The bands of one product on one grid, passing window by window."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from rasterio.windows import Window

from earthgazer_core.domain.bbox import BBox
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.raster.dataset import gdal_environment, without_georeference_warnings
from earthgazer_core.raster.grid import Grid, crop_window
from earthgazer_core.raster.reading import Band, BandReader, Block, inspect, reference_band, windows
from earthgazer_core.raster.source import BandSource

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scene:
    """Bands and masks, the grid they share and the part of it that is wanted."""

    bands: tuple[Band, ...]
    """What is read, masks included."""
    reference: Band
    """Band whose grid all are read on."""
    window: Window
    """Part of that grid, whole pixels."""

    @property
    def grid(self) -> Grid:
        """The grid of the part that is wanted."""
        return self.reference.grid.crop(self.window)

    def band(self, name: str) -> Band:
        """Return one band by its common name."""
        return next(band for band in self.bands if band.name == name)

    def windows(self) -> list[Window]:
        """Return the windows in which it is read, on the reference grid."""
        values = sum(not band.source.is_mask for band in self.bands)
        return list(windows(self.window, self.reference.block_shape, values))

    def within(self, window: Window) -> Window:
        """Return a window of the reference grid as one of the wanted part."""
        return Window(
            window.col_off - self.window.col_off,
            window.row_off - self.window.row_off,
            window.width,
            window.height,
        )

    def parameters(self) -> dict[str, Any]:
        """Return what the pixels were made from, as JSON values for the record."""
        return {
            "bands": {
                band.name: {
                    "name": band.source.band, "scale": band.source.scale, "offset": band.source.offset,
                    "nodata": sorted({value for value in (band.source.nodata, band.declared_nodata)
                                      if value is not None and value == value}),
                }
                for band in self.bands if not band.source.is_mask
            },
            "masks": [band.source.band for band in self.bands if band.source.is_mask],
            "reference": self.reference.name,
            "window": [int(self.window.col_off), int(self.window.row_off),
                       int(self.window.width), int(self.window.height)],
        }  # fmt: skip


def open_scene(
    sources: Sequence[BandSource],
    wanted: Sequence[str] | None,
    bbox: BBox | None,
    reference: str | None = None,
) -> Scene:
    """Return the bands wanted and every mask, on one grid, cropped.

    Args:
        sources: Bands and masks of one product; those not wanted are left alone.
        wanted: Common names of the bands; None means all.
        bbox: Part to read, lon/lat; None means the whole.
        reference: Common name of the band whose grid to use; None means the finest.

    Raises:
        InvalidInputError: a band is missing or given twice.
        RasterError: a file can't serve.
        OutsideSceneError: ``bbox`` doesn't touch the scene.
    """
    names = [source.common_name for source in sources if not source.is_mask]
    missing = [name for name in wanted or () if name not in names]
    if missing:
        raise InvalidInputError(f"needs band {', '.join(missing)}; there are {', '.join(names) or 'none'}")
    used = [source for source in sources if source.is_mask or wanted is None or source.common_name in wanted]
    bands = inspect(used)
    chosen = reference_band(bands, reference)
    window = chosen.grid.window if bbox is None else crop_window(chosen.grid, bbox)
    return Scene(bands, chosen, window)


def for_each_window(
    scene: Scene,
    work: Callable[[Block], T],
    consume: Callable[[Window, T], None],
    told: Callable[[int], None],
    threads: int,
) -> None:
    """Read the scene window by window, make something of each, and hand that over in scan order.

    Reading and ``work`` run in ``threads`` threads, each no more than a window ahead of ``consume``, which
    runs in the caller's; so memory stays bounded. Threads have datasets of their own: they can't be shared.

    Args:
        scene: What to read.
        work: Makes something of the pixels of a window; must not touch what other threads hold.
        consume: Takes the window, as one of the wanted part, and what ``work`` made.
        told: Told the number of windows consumed so far, after each.
        threads: Number of threads.
    """
    local = threading.local()
    todo = scene.windows()
    with ExitStack() as readers:
        guard = threading.Lock()

        def run(window: Window) -> T:
            with gdal_environment():
                if not hasattr(local, "reader"):
                    reader = BandReader(scene.bands, scene.reference.grid).__enter__()
                    with guard:
                        readers.push(reader)
                    local.reader = reader
                return work(local.reader.read(window))

        # From outside the threads: rasterio itself changes the filters in each of them, and unprotected.
        with without_georeference_warnings(), _pool(threads) as pool:
            ahead: deque[tuple[Window, Future[T]]] = deque()
            upcoming = iter(todo)
            for done in range(len(todo)):
                while len(ahead) <= threads and (window := next(upcoming, None)) is not None:
                    ahead.append((window, pool.submit(run, window)))
                window, future = ahead.popleft()
                consume(scene.within(window), future.result())
                told(done + 1)


@contextmanager
def _pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(threads, thread_name_prefix="raster")
    try:
        yield pool
    finally:
        # After an error what was read ahead is of no use.
        pool.shutdown(wait=True, cancel_futures=True)
