"""Workflow runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from earthgazer_tui.fleet.models import ActionResult, ResumePlan, RunDetail, RunRow


class RunsVerbs(Protocol):
    """Workflow runs."""

    async def runs(self, text: str = "", limit: int = 200) -> Sequence[RunRow]:
        """Return workflow runs, running ones first, then newest first."""

    async def run(self, run_id: str) -> RunDetail:
        """Return one run with its steps."""

    async def cancel_run(self, run_id: str) -> ActionResult:
        """Revoke all unfinished steps of a run, those yet to be published included."""

    async def plan_resume(self, run_id: str) -> ResumePlan:
        """Return what a resume of a run would send where; nothing is changed."""

    async def resume_run(self, run_id: str) -> ActionResult:
        """Publish all that failed, was revoked or never ran of a run, and nothing that succeeded."""
