"""The sandbox: a catalogue of its own making that needs no network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from earthgazer_core.catalog.sandbox.chip import CHIP_BBOX, read_chip
from earthgazer_core.catalog.sandbox.passes import recent_passes
from earthgazer_core.catalog.sandbox.product import SandboxProduct
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.capture import Capture

_SERIES: Final = "series-1"
"""Directory of the files; another name whenever the same product would get other pixels."""


def _now() -> datetime:
    return datetime.now(UTC)


class SandboxCatalog:
    """The last hundred days of a satellite over one real chip at a nominal place."""

    name = "sandbox"

    def __init__(
        self,
        data_path: Path,
        *,
        max_cloud_cover_percent: float = 100.0,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._root = data_path / "sandbox" / _SERIES
        self._max_cloud_cover_percent = max_cloud_cover_percent
        self._clock = clock

    def search(
        self,
        bbox: BBox,
        start: datetime | None,
        end: datetime | None,
        *,
        missions: Collection[str] | None = None,
    ) -> Iterator[Capture]:
        """Yield the sandbox's captures, oldest first.

        See :meth:`earthgazer_core.catalog.base.Catalog.search`. Files are
        made when a capture is found for the first time.

        Raises:
            CatalogError: the real chip is missing.
            StorageError: files can't be written.
        """
        if not bbox.intersects(CHIP_BBOX):
            return
        chip = cache(read_chip)
        now = self._clock()
        products = [
            SandboxProduct(seen, baseline) for seen in recent_passes(now) for baseline in seen.baselines
        ]
        for product in products:
            sensed = product.seen.sensing_time
            if product.published_at > now or (start and sensed < start) or (end and sensed > end):
                continue
            capture = product.capture(self._root, chip)
            clouds = capture.cloud_cover_percent or 0.0
            if clouds <= self._max_cloud_cover_percent and (not missions or capture.mission in missions):
                yield capture
