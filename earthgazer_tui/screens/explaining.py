"""Screens of tasks that can say why one of them is not done."""

from __future__ import annotations

from textual import work

from earthgazer_tui.commands.doctor import ExplainTask
from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.screens.mending import MendingScreen


class ExplainingScreen(MendingScreen):
    """Base of the screens that have :class:`ExplainTask`; its subjects are tasks."""

    @work(group="explain", exclusive=True)
    async def action_explain(self) -> None:
        """Ask why the first of the chosen tasks is not done, and show it."""
        tasks = self.subjects(ExplainTask)
        if not tasks:
            self.notify("Nothing is chosen.", title="Why", severity="warning", markup=False)
            return
        task_id = tasks[0].task_id
        self.notify(f"Looking for {task_id}…", title="Why", timeout=2, markup=False)
        try:
            findings = await self.session.fleet.explain(task_id)
        except FleetError as error:
            self.notify(str(error), title="Why", severity="error", timeout=8, markup=False)
            return
        if self.is_active:
            healthy = "Nothing is wrong: it ended well."
            self.show_findings(f"Task {task_id}", findings, healthy)
