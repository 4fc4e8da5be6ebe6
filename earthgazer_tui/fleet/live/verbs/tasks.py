"""Single tasks: looked at, retried, revoked."""

from __future__ import annotations

from collections.abc import Sequence

from earthgazer_tui.fleet.live import task_list, tasks
from earthgazer_tui.fleet.live.verbs.base import ACT_S, READ_S, LiveVerbs
from earthgazer_tui.fleet.models import ActionResult, RetryPlan, TaskDetail, TaskRow


class LiveTasks(LiveVerbs):
    """Single tasks: looked at, retried, revoked."""

    async def failed(self, text: str = "", limit: int = 500) -> Sequence[TaskRow]:
        """Return failed and revoked tasks that were not dismissed, newest first."""
        session = self._open_session()
        if session.services.database is None:
            return await self._runner.run(
                READ_S, tasks.failed_by_events, session.state, session.seen, text, limit
            )
        return await self._read(tasks.list_failed, text, limit)

    async def tasks(self, text: str = "", limit: int = 500) -> Sequence[TaskRow]:
        """Return tasks in any state that match the filter line ``text``, newest change first."""
        session = self._open_session()
        return await self._runner.run(
            READ_S, task_list.list_tasks, session.reader, session.state, session.seen, text, limit
        )

    async def task(self, task_id: str) -> TaskDetail:
        """Return everything about one task."""
        session = self._open_session()
        return await self._runner.run(READ_S, session.task, task_id)

    async def plan_retry(self, task_ids: Sequence[str]) -> RetryPlan:
        """Return what a retry of these tasks would send where; nothing is changed."""
        return await self._runner.run(ACT_S, self._open_session().task_actions.plan_retry, task_ids)

    async def retry(self, task_ids: Sequence[str]) -> ActionResult:
        """Publish the recorded messages of these tasks again; each is checked again at that moment."""
        return await self._act(self._changing().task_actions.retry, task_ids)

    async def revoke(self, task_ids: Sequence[str], *, terminate: bool = False) -> ActionResult:
        """Revoke these unfinished tasks; ``terminate`` also ends the process of one that runs."""
        return await self._act(self._changing().task_actions.revoke, task_ids, terminate)

    async def dismiss(self, task_ids: Sequence[str]) -> ActionResult:
        """Take these failures from the list; their history stays."""
        return await self._act(self._changing().task_actions.dismiss, task_ids)
