"""What is wrong, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from earthgazer_tui.fleet.live.verbs.base import COUNT_S, LiveVerbs
from earthgazer_tui.fleet.models import ActionResult, CheckProgress, Diagnosis, Finding


class LiveDoctor(LiveVerbs):
    """What is wrong, and why."""

    async def diagnose(self, report: Callable[[CheckProgress], None]) -> Diagnosis:
        """Return what is wrong with the fleet; ``report`` is called on the event loop meanwhile."""
        session, loop = self._open_session(), asyncio.get_running_loop()

        def on_check(progress: CheckProgress) -> None:
            loop.call_soon_threadsafe(report, progress)

        # The doctor is called in the thread: it is imported by its first call.
        diagnosis = await self._runner.run(COUNT_S, lambda: session.doctor().diagnose(on_check))
        session.note_findings(len(diagnosis.findings))
        return diagnosis

    async def explain(self, task_id: str) -> Sequence[Finding]:
        """Return why a task is not done, the worst reason first; nothing for one that ended well."""
        session = self._open_session()
        return await self._runner.run(COUNT_S, lambda: session.doctor().explain(task_id))

    async def apply_remedies(self, numbers: Sequence[int]) -> ActionResult:
        """Do what these findings' remedies say; each is checked anew and may be refused."""
        session = self._changing()
        return await self._act(lambda: session.doctor().apply(numbers))
