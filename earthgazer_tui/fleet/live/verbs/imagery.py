"""Captures, the places they are of, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence

from earthgazer_tui.fleet.live.verbs.base import LiveVerbs
from earthgazer_tui.fleet.models import ActionResult, CaptureDetail, CaptureRow, Freshness


class LiveImagery(LiveVerbs):
    """Captures, the places they are of, and what is made of them."""

    async def freshness(self) -> Sequence[Freshness]:
        """Return how fresh each active location is, most urgent first."""
        from earthgazer_tui.fleet.live import locations

        return await self._read(locations.list_freshness)

    async def captures(self, text: str = "", limit: int = 500) -> Sequence[CaptureRow]:
        """Return captures whose words match ``text``, newest acquisition first."""
        from earthgazer_tui.fleet.live import captures

        return await self._read(captures.list_captures, text, limit)

    async def capture(self, capture_id: int) -> CaptureDetail:
        """Return everything about one capture."""
        from earthgazer_tui.fleet.live import capture_detail

        return await self._read(capture_detail.show_capture, capture_id)

    async def discover(self, location_ids: Sequence[int] | None = None) -> ActionResult:
        """Search the catalogue for new captures of these, or all active, locations."""
        return await self._act(self._changing().imagery.discover, location_ids)

    async def process(self, capture_ids: Sequence[int], *, force: bool = False) -> ActionResult:
        """Start the workflow for these captures; ``force`` makes everything anew."""
        return await self._act(self._changing().imagery.process, capture_ids, force)

    async def discover_and_process(self) -> ActionResult:
        """Start the full pipeline on all active locations."""
        return await self._act(self._changing().imagery.discover_and_process)
