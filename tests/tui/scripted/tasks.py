"""Scripted tasks and runs: lists, dry runs, and what was asked to be done with them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence

from earthgazer_tui.fleet.models import (
    ActionResult,
    ArgumentsReview,
    EditableArguments,
    FailureGroup,
    FailureGroups,
    ResumePlan,
    RetryCount,
    RetryOrder,
    RetryPlan,
    RetryPlanItem,
    RetryProgress,
    TaskRow,
)
from tests.tui.scripted.base import ScriptedVerbs

LISTED = 3
"""Items of a dry run that are listed one by one where all that matches is asked for."""


class ScriptedTasks(ScriptedVerbs):
    """Answers from its public attributes; each retry of many takes a step whenever it may."""

    def __init__(self) -> None:
        super().__init__()
        self.failed_rows: list[TaskRow] = []
        self.group_rows: list[FailureGroup] = []
        self.tracebacks: dict[str, str] = {}
        self.plan_items: dict[str, RetryPlanItem] = {}
        self.plan_note = ""
        self.matching_ids: tuple[str, ...] = ()
        self.orders: list[RetryOrder] = []
        self.may_step = asyncio.Event()
        self.may_step.set()
        self.editable: dict[str, EditableArguments] = {}
        self.resume_plans: dict[str, ResumePlan] = {}

    async def failed(self, text: str = "", limit: int = 500) -> Sequence[TaskRow]:
        self._ask("failed", text)
        words = text.replace("error:", "")
        return [row for row in self.failed_rows if words.casefold() in repr(row).casefold()][:limit]

    async def failure_groups(self, text: str = "", limit: int = 200) -> FailureGroups:
        self._ask("failure_groups", text)
        return FailureGroups(tuple(self.group_rows[:limit]), False)

    async def tasks_of(self, task_ids: Sequence[str]) -> Sequence[TaskRow]:
        self._ask("tasks_of", tuple(task_ids))
        return [row for row in self.failed_rows if row.task_id in task_ids]

    async def traceback(self, task_id: str) -> str:
        self._ask("traceback", task_id)
        return self.tracebacks.get(task_id, "")

    async def plan_retry(self, task_ids: Sequence[str], *, matching: str | None = None) -> RetryPlan:
        self._ask("plan_retry", tuple(task_ids), matching)
        ids = tuple(task_ids) if matching is None else self.matching_ids
        listed = ids if matching is None else ids[:LISTED]
        items = tuple(self.plan_items.get(task_id) or self._item(task_id) for task_id in listed)
        name = "earthgazer.cpu.compute_ndvi"
        return RetryPlan(items, ids, (RetryCount(name, "cpu_queue", "FAILURE", len(ids)),), self.plan_note)

    async def retry(self, task_ids: Sequence[str], *, copy: bool = False) -> ActionResult:
        return self._do("retry", tuple(task_ids), *(("copy",) if copy else ()))

    async def retry_bulk(
        self, order: RetryOrder, report: Callable[[RetryProgress], None], stop: threading.Event
    ) -> ActionResult:
        result = self._do("retry_bulk", order.task_ids)
        self.orders.append(order)
        for number in range(len(order.task_ids)):
            await self.may_step.wait()
            if stop.is_set():
                return ActionResult(False, f"{number} of {len(order.task_ids)} retried: stopped")
            report(RetryProgress(len(order.task_ids), number + 1))
        return result

    async def editable_arguments(self, task_id: str) -> EditableArguments:
        self._ask("editable_arguments", task_id)
        return self.editable[task_id]

    async def review_arguments(self, old: str, new: str) -> ArgumentsReview:
        self._ask("review_arguments", new)
        try:
            json.loads(new)
        except json.JSONDecodeError as error:
            return ArgumentsReview(error.msg, error.lineno, error.colno)
        return ArgumentsReview("", difference="" if new == old else f"-{old}\n+{new}")

    async def retry_edited(self, task_id: str, text: str) -> ActionResult:
        return self._do("retry_edited", task_id, text)

    async def plan_resume(self, run_id: str) -> ResumePlan:
        self._ask("plan_resume", run_id)
        return self.resume_plans.get(run_id) or ResumePlan(
            (self._item("s-2"), RetryPlanItem("s-3", "earthgazer.cpu.rgb", None, "follows", "after ndvi")),
            "1 sent, 1 follow, 2 that succeeded stay",
            "",
        )

    async def resume_run(self, run_id: str) -> ActionResult:
        return self._do("resume_run", run_id)

    def _item(self, task_id: str) -> RetryPlanItem:
        return RetryPlanItem(task_id, "earthgazer.cpu.compute_ndvi", "cpu_queue", "in place", "chain goes on")
