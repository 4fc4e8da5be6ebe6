"""From a stream of untrusted items to the captures that were asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from earthgazer_core.catalog.base import ProblemSink
from earthgazer_core.catalog.geometry import touches
from earthgazer_core.catalog.item import capture_of
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.capture import Capture
from earthgazer_core.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Selection:
    """What a search wants, tested here again whatever the catalogue did about it."""

    bbox: BBox
    """Rectangle that has to be shown."""
    start: datetime | None
    """Earliest sensing time."""
    end: datetime | None
    """Latest sensing time."""
    missions: Collection[str] | None
    """Names of missions; None for all."""
    max_cloud_cover_percent: float
    """Captures with more clouds are left out; those that don't tell are not."""
    allow_local: bool = False
    """Whether assets may be files of this machine."""

    def captures(self, items: Iterable[object], source: str, on_problem: ProblemSink) -> Iterator[Capture]:
        """Yield each wanted capture once; tell of items that can't be used, and go on.

        Raises:
            CatalogError: items came and not one of them could be used.
        """
        seen: set[tuple[str, str]] = set()
        problems: list[CatalogError] = []
        usable = 0
        for item in items:
            try:
                capture = capture_of(item, source=source, allow_local=self.allow_local)
            except CatalogError as problem:
                problems.append(problem)
                on_problem(problem)
                continue
            usable += 1
            if capture is None or not self.wants(capture, item):
                continue
            identity = (capture.mission, capture.product_id)
            if identity not in seen:
                seen.add(identity)
                yield capture
        if problems and not usable:
            raise CatalogError(
                f"none of the {len(problems)} items found can be used; the first: {problems[0]}"
            )

    def wants(self, capture: Capture, item: Any) -> bool:
        """Whether a capture is one of those asked for."""
        clouds = capture.cloud_cover_percent
        return (
            (not self.missions or capture.mission in self.missions)
            and (self.start is None or capture.sensing_time >= self.start)
            and (self.end is None or capture.sensing_time <= self.end)
            and (clouds is None or clouds <= self.max_cloud_cover_percent)
            and (capture.bbox is None or capture.bbox.intersects(self.bbox))
            and touches(item.get("geometry"), self.bbox)
        )
