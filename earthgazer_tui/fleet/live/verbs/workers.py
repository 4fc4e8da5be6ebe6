"""Workers and their pools."""

from __future__ import annotations

from earthgazer_tui.fleet.live.verbs.base import LiveVerbs
from earthgazer_tui.fleet.models import ActionResult


class LiveWorkers(LiveVerbs):
    """Workers and their pools."""

    async def grow_pool(self, hostname: str, n: int = 1) -> ActionResult:
        """Add processes to a worker's pool."""
        return await self._act(self._changing().pool_actions.grow, hostname, n)

    async def shrink_pool(self, hostname: str, n: int = 1) -> ActionResult:
        """Take processes from a worker's pool."""
        return await self._act(self._changing().pool_actions.shrink, hostname, n)

    async def start_worker(self, profile: str) -> ActionResult:
        """Start one more local worker of the embedded stack."""
        return await self._act(self._changing().pool_actions.start_worker, profile)

    async def stop_worker(self, local_name: str) -> ActionResult:
        """Stop a local worker warm: what it runs ends first."""
        return await self._act(self._changing().pool_actions.stop_worker, local_name)

    async def enable_events(self) -> ActionResult:
        """Ask all workers to send task events."""
        return await self._act(self._changing().pool_actions.enable_events)
