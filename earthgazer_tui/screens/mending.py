"""Screens that show findings in full, and mend them from there."""

from __future__ import annotations

from collections.abc import Sequence

from textual import work

from earthgazer_tui.commands.doctor import ApplyRemedy
from earthgazer_tui.fleet.models import Finding
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.carry_out import carry_out


class MendingScreen(FleetScreen):
    """Base of the screens that show findings."""

    @work(group="findings", exclusive=True)
    async def show_findings(self, title: str, findings: Sequence[Finding], healthy: str) -> None:
        """Show findings in full, and mend them if that is wished for."""
        from earthgazer_tui.screens.findings import Findings

        can_mend = not self.session.is_read_only and any(one.remedy for one in findings)
        is_wished = await self.app.push_screen_wait(Findings(title, findings, healthy, can_mend=can_mend))
        if is_wished and await carry_out(self, self.session.fleet, ApplyRemedy(), findings):
            self.look_again()
