"""Workflow runs."""

from __future__ import annotations

from collections.abc import Sequence

from earthgazer_tui.fleet.live.verbs.base import ACT_S, LiveVerbs
from earthgazer_tui.fleet.models import ActionResult, ResumePlan, RunDetail, RunRow


class LiveRuns(LiveVerbs):
    """Workflow runs."""

    async def runs(self, text: str = "", limit: int = 200) -> Sequence[RunRow]:
        """Return workflow runs, running ones first, then newest first."""
        from earthgazer_tui.fleet.live import runs

        return await self._read(runs.list_runs, text, limit)

    async def run(self, run_id: str) -> RunDetail:
        """Return one run with its steps."""
        from earthgazer_tui.fleet.live import runs

        return await self._read(runs.show_run, run_id)

    async def cancel_run(self, run_id: str) -> ActionResult:
        """Revoke all unfinished steps of a run, those yet to be published included."""
        return await self._act(self._changing().task_actions.cancel_run, run_id)

    async def plan_resume(self, run_id: str) -> ResumePlan:
        """Return what a resume of a run would send where; nothing is changed."""
        return await self._runner.run(ACT_S, self._open_session().task_actions.plan_resume, run_id)

    async def resume_run(self, run_id: str) -> ActionResult:
        """Publish all that failed, was revoked or never ran of a run, and nothing that succeeded."""
        return await self._act(self._changing().task_actions.resume_run, run_id)
