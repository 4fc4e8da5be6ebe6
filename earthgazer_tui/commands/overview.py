"""Commands of the overview."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from earthgazer_tui.commands.command import FleetCommand
from earthgazer_tui.fleet.models import ActionResult
from earthgazer_tui.fleet.protocol import Fleet


class DiscoverAndProcess(FleetCommand[None]):
    """Discover new captures of all active locations and process them: the whole pipeline."""

    id = "fleet.discover-and-process"
    key = "D"
    title = "Discover and process"
    only_own: ClassVar[bool] = True
    needs_subject: ClassVar[bool] = False

    async def run(self, fleet: Fleet, subjects: Sequence[None]) -> ActionResult:
        """Start the full pipeline."""
        return await fleet.discover_and_process()
