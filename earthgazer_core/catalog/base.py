"""What every catalogue can do: tell which captures show a place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Protocol

from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.capture import Capture
from earthgazer_core.errors import CatalogError

logger = logging.getLogger(__name__)

ProblemSink = Callable[[CatalogError], None]
"""Where an entry that can't be used is told to, while the others go on."""


def log_problem(problem: CatalogError) -> None:
    """Log an entry that can't be used."""
    logger.warning("%s", problem)


class Catalog(Protocol):
    """A place where captures are found."""

    name: str
    """What captures found here carry as their ``source``."""

    def search(
        self,
        bbox: BBox,
        start: datetime | None,
        end: datetime | None,
        *,
        missions: Collection[str] | None = None,
    ) -> Iterator[Capture]:
        """Yield each capture that shows some of ``bbox`` and was sensed in [start, end], once.

        Args:
            bbox: Rectangle in lon/lat.
            start: Earliest sensing time, aware; None for no limit.
            end: Latest sensing time, aware; None for no limit.
            missions: Names of the missions wanted; None for all.

        Raises:
            RemoteUnavailableError: the catalogue does not answer now, or asks to come later.
            CatalogError: it answers something that can't be used. One bad entry among good ones is
                told to the catalogue's problem sink instead, and the others go on.
        """
        ...
