"""Single tasks: looked at, retried, revoked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

from earthgazer_tui.fleet.live.verbs.base import ACT_S, READ_S, LiveVerbs
from earthgazer_tui.fleet.models import (
    ActionResult,
    ArgumentsReview,
    EditableArguments,
    FailureGroups,
    RetryOrder,
    RetryPlan,
    RetryProgress,
    TaskDetail,
    TaskRow,
)

BULK_S = 7 * 86_400.0
"""Longest that one retry of many goes on."""


class LiveTasks(LiveVerbs):
    """Single tasks: looked at, retried, revoked."""

    async def failed(self, text: str = "", limit: int = 500) -> Sequence[TaskRow]:
        """Return failed and revoked tasks that were not dismissed, newest first."""
        from earthgazer_tui.fleet.live import tasks

        session = self._open_session()
        if session.services.database is None:
            return await self._runner.run(
                READ_S, tasks.failed_by_events, session.state, session.seen, text, limit
            )
        return await self._read(tasks.list_failed, text, limit)

    async def tasks(self, text: str = "", limit: int = 500) -> Sequence[TaskRow]:
        """Return tasks in any state that match the filter line ``text``, newest change first."""
        from earthgazer_tui.fleet.live import task_list

        session = self._open_session()
        return await self._runner.run(
            READ_S, task_list.list_tasks, session.reader, session.state, session.seen, text, limit
        )

    async def task(self, task_id: str) -> TaskDetail:
        """Return everything about one task."""
        session = self._open_session()
        return await self._runner.run(READ_S, session.task, task_id)

    async def failure_groups(self, text: str = "", limit: int = 200) -> FailureGroups:
        """Return failures that match by kind, the one that failed last first."""
        from earthgazer_tui.fleet.live import failure_groups

        session = self._open_session()
        if session.services.database is None:
            return await self._runner.run(READ_S, failure_groups.groups_by_events, session.state, text, limit)
        return await self._read(failure_groups.list_groups, text, limit)

    async def tasks_of(self, task_ids: Sequence[str]) -> Sequence[TaskRow]:
        """Return those of these tasks that are known, in this order."""
        from earthgazer_tui.fleet.live import failure_groups

        session = self._open_session()
        if session.services.database is None:
            return await self._runner.run(
                READ_S, failure_groups.tasks_of_by_events, session.state, session.seen, task_ids
            )
        return await self._read(failure_groups.tasks_of, task_ids)

    async def traceback(self, task_id: str) -> str:
        """Return the traceback of a task's last failure; empty where there is none."""
        from earthgazer_tui.fleet.live import failure_groups

        session = self._open_session()
        if session.services.database is None:
            return failure_groups.traceback_by_events(session.state, task_id)
        return await self._read(failure_groups.traceback_of, task_id)

    async def plan_retry(self, task_ids: Sequence[str], *, matching: str | None = None) -> RetryPlan:
        """Return what a retry would send where; nothing is changed."""
        actions = self._open_session().task_actions
        return await self._runner.run(ACT_S, actions.plan_retry, task_ids, matching)

    async def retry(self, task_ids: Sequence[str], *, copy: bool = False) -> ActionResult:
        """Publish the recorded messages of these tasks again; each is checked again at that moment."""
        return await self._act(self._changing().task_actions.retry, task_ids, copy=copy)

    async def retry_bulk(
        self, order: RetryOrder, report: Callable[[RetryProgress], None], stop: threading.Event
    ) -> ActionResult:
        """Retry one task after the other; returns when all are dealt with, or soon after ``stop`` is set."""
        session = self._changing()
        loop = asyncio.get_running_loop()

        def tell(progress: RetryProgress) -> None:
            # The loop may be gone with the console, while one task is still under way.
            if not stop.is_set() or not loop.is_closed():
                loop.call_soon_threadsafe(report, progress)

        try:
            return await self._runner.run(BULK_S, session.task_actions.retry_bulk, order, tell, stop)
        finally:
            stop.set()
            session.look_again()

    async def editable_arguments(self, task_id: str) -> EditableArguments:
        """Return the whole arguments of a task as text to change."""
        actions = self._open_session().task_actions
        return await self._runner.run(READ_S, actions.editable_arguments, task_id)

    async def review_arguments(self, old: str, new: str) -> ArgumentsReview:
        """Return what is wrong with a changed text of arguments, or what it changes."""
        from earthgazer_tui.fleet.live import edited_retry

        return await self._runner.run(READ_S, edited_retry.review, old, new)

    async def retry_edited(self, task_id: str, text: str) -> ActionResult:
        """Send a copy of a task with these arguments."""
        return await self._act(self._changing().task_actions.retry_edited, task_id, text)

    async def revoke(self, task_ids: Sequence[str], *, terminate: bool = False) -> ActionResult:
        """Revoke these unfinished tasks; ``terminate`` also ends the process of one that runs."""
        return await self._act(self._changing().task_actions.revoke, task_ids, terminate)

    async def dismiss(self, task_ids: Sequence[str]) -> ActionResult:
        """Take these failures from the list; their history stays."""
        return await self._act(self._changing().task_actions.dismiss, task_ids)
