"""Captures, the places they are of, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from earthgazer_tui.fleet.models import ActionResult, CaptureDetail, CaptureRow, Freshness


class ImageryVerbs(Protocol):
    """Captures, the places they are of, and what is made of them."""

    async def freshness(self) -> Sequence[Freshness]:
        """Return how fresh each active location is, most urgent first."""

    async def captures(self, text: str = "", limit: int = 500) -> Sequence[CaptureRow]:
        """Return captures whose words match ``text``, newest acquisition first."""

    async def capture(self, capture_id: int) -> CaptureDetail:
        """Return everything about one capture."""

    async def discover(self, location_ids: Sequence[int] | None = None) -> ActionResult:
        """Search the catalogue for new captures of these, or all active, locations."""

    async def process(self, capture_ids: Sequence[int], *, force: bool = False) -> ActionResult:
        """Start the workflow for these captures; ``force`` makes everything anew."""

    async def discover_and_process(self) -> ActionResult:
        """Start the full pipeline on all active locations."""
