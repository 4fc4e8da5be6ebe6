"""Single tasks: looked at, retried, revoked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

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

    async def failure_groups(self, text: str = "", limit: int = 200) -> FailureGroups:
        """Return failures that match by kind, the one that failed last first.

        Raises:
            FilterError: the line can't be read; knows the place.
        """

    async def tasks_of(self, task_ids: Sequence[str]) -> Sequence[TaskRow]:
        """Return those of these tasks that are known, in this order."""

    async def traceback(self, task_id: str) -> str:
        """Return the traceback of a task's last failure; empty where there is none."""

    async def plan_retry(self, task_ids: Sequence[str], *, matching: str | None = None) -> RetryPlan:
        """Return what a retry would send where; nothing is changed.

        Args:
            task_ids: The tasks.
            matching: All failed tasks that match this filter line instead.
        """

    async def retry(self, task_ids: Sequence[str], *, copy: bool = False) -> ActionResult:
        """Publish the recorded messages of these tasks again; each is checked again at that moment.

        Args:
            task_ids: The tasks.
            copy: Under new ids, also where the same could run again.
        """

    async def retry_bulk(
        self, order: RetryOrder, report: Callable[[RetryProgress], None], stop: threading.Event
    ) -> ActionResult:
        """Retry one task after the other; returns when all are dealt with, or soon after ``stop`` is set.

        Args:
            order: Which, how and how fast.
            report: Called on the event loop after each task.
            stop: Set it to end after the task that is under way.
        """

    async def editable_arguments(self, task_id: str) -> EditableArguments:
        """Return the whole arguments of a task as text to change.

        Raises:
            RefusedError: they are hidden, or not known for certain.
        """

    async def review_arguments(self, old: str, new: str) -> ArgumentsReview:
        """Return what is wrong with a changed text of arguments, or what it changes."""

    async def retry_edited(self, task_id: str, text: str) -> ActionResult:
        """Send a copy of a task with these arguments."""

    async def revoke(self, task_ids: Sequence[str], *, terminate: bool = False) -> ActionResult:
        """Revoke these unfinished tasks; ``terminate`` also ends the process of one that runs."""

    async def dismiss(self, task_ids: Sequence[str]) -> ActionResult:
        """Take these failures from the list; their history stays."""
