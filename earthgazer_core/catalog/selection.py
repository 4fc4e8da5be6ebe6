"""From a stream of untrusted items to the captures that were asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from earthgazer_core.catalog.base import ProblemSink
from earthgazer_core.catalog.geometry import touches
from earthgazer_core.catalog.item import capture_of
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.capture import Capture
from earthgazer_core.errors import CatalogError
from earthgazer_core.hosts import Hosts

_MOST_PROBLEMS: Final = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """An item, and who told of it."""

    item: object
    """Its JSON, untrusted."""
    source: str
    """Name of the catalogue, or of the document where that lies elsewhere."""
    is_local: bool = False
    """Whether that is a file of this machine, so that assets may be files as well."""


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
    hosts: Hosts
    """Where assets may lie."""

    def captures(self, items: Iterable[Told], on_problem: ProblemSink) -> Iterator[Capture]:
        """Yield each wanted capture once; tell of items that can't be used, and go on.

        Raises:
            CatalogError: items came and not one of them could be used, or more can't than make sense.
        """
        seen: set[tuple[str, str]] = set()
        problems: list[CatalogError] = []
        usable = 0
        for told in items:
            try:
                capture = capture_of(
                    told.item, source=told.source, allow_local=told.is_local, hosts=self.hosts
                )
                is_wanted = capture is not None and self.wants(capture, told.item)
            except (CatalogError, RecursionError) as error:
                problem = (
                    error
                    if isinstance(error, CatalogError)
                    else CatalogError(f"{told.source}: an item is nested too deep to be read")
                )
                problems.append(problem)
                on_problem(problem)
                if len(problems) >= _MOST_PROBLEMS:
                    raise CatalogError(
                        f"{told.source}: {len(problems)} items can't be used; the first: {problems[0]}"
                    ) from None
                continue
            usable += 1
            if capture is None or not is_wanted:
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
