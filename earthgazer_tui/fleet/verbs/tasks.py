"""Single tasks: looked at, retried, revoked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from earthgazer_tui.fleet.models import ActionResult, RetryPlan, TaskDetail, TaskRow


class TasksVerbs(Protocol):
    """Single tasks: looked at, retried, revoked."""

    async def failed(self, text: str = "", limit: int = 500) -> Sequence[TaskRow]:
        """Return failed and revoked tasks that were not dismissed, newest first."""

    async def tasks(self, text: str = "", limit: int = 500) -> Sequence[TaskRow]:
        """Return tasks in any state that match the filter line ``text``, newest change first.

        Raises:
            FilterError: the line can't be read; knows the place.
        """

    async def task(self, task_id: str) -> TaskDetail:
        """Return everything about one task."""

    async def plan_retry(self, task_ids: Sequence[str]) -> RetryPlan:
        """Return what a retry of these tasks would send where; nothing is changed."""

    async def retry(self, task_ids: Sequence[str]) -> ActionResult:
        """Publish the recorded messages of these tasks again; each is checked again at that moment."""

    async def revoke(self, task_ids: Sequence[str], *, terminate: bool = False) -> ActionResult:
        """Revoke these unfinished tasks; ``terminate`` also ends the process of one that runs."""

    async def dismiss(self, task_ids: Sequence[str]) -> ActionResult:
        """Take these failures from the list; their history stays."""
