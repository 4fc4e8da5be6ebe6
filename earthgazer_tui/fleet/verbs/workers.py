"""Workers and their pools."""

from __future__ import annotations

from typing import Protocol

from earthgazer_tui.fleet.models import ActionResult


class WorkersVerbs(Protocol):
    """Workers and their pools."""

    async def grow_pool(self, hostname: str, n: int = 1) -> ActionResult:
        """Add processes to a worker's pool."""

    async def shrink_pool(self, hostname: str, n: int = 1) -> ActionResult:
        """Take processes from a worker's pool."""

    async def start_worker(self, profile: str) -> ActionResult:
        """Start one more local worker (``io`` or ``cpu``) of the embedded stack."""

    async def stop_worker(self, local_name: str) -> ActionResult:
        """Stop a local worker warm: what it runs ends first."""

    async def enable_events(self) -> ActionResult:
        """Ask all workers to send task events."""
