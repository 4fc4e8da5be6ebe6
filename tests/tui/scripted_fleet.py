"""A fleet that says what a test tells it to, and remembers what it was asked to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from earthgazer_tui.fleet.errors import NotFoundError
from earthgazer_tui.fleet.models import (
    ActionResult,
    CaptureDetail,
    CaptureRow,
    CheckProgress,
    Diagnosis,
    Finding,
    Freshness,
    History,
    OperatorAction,
    PeriodicTask,
    QuitChoice,
    RunDetail,
    RunRow,
    Snapshot,
    StartStep,
    StepState,
    TaskDetail,
    TaskRow,
    WorkInProgress,
)
from earthgazer_tui.fleet.protocol import Fleet
from tests.tui import builders
from tests.tui.scripted.queues import ScriptedQueues
from tests.tui.scripted.replay import ScriptedReplay
from tests.tui.scripted.tasks import ScriptedTasks
from tests.tui.scripted.workers import ScriptedWorkers

Key = TypeVar("Key")
Detail = TypeVar("Detail")


class ScriptedFleet(ScriptedQueues, ScriptedTasks, ScriptedWorkers, ScriptedReplay):
    """Answers from its public attributes."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        super().__init__()
        self.snapshot = snapshot or builders.a_snapshot()
        self.freshness_rows: list[Freshness] = []
        self.capture_rows: list[CaptureRow] = []
        self.capture_details: dict[int, CaptureDetail] = {}
        self.run_rows: list[RunRow] = []
        self.run_details: dict[str, RunDetail] = {}
        self.task_rows: list[TaskRow] = []
        self.schedule_rows: list[PeriodicTask] = []
        self.histories: dict[str, History] = {}
        self.action_rows: list[OperatorAction] = []
        self.diagnosis = Diagnosis((), 30, 2.1)
        self.may_diagnose = asyncio.Event()
        self.may_diagnose.set()
        self.explanations: dict[str, tuple[Finding, ...]] = {}
        self.task_details: dict[str, TaskDetail] = {}
        self.work = WorkInProgress(is_embedded=True, other_consoles=0, running=0, waiting=0)
        self.start_steps: list[StartStep] = [StartStep("Valkey", StepState.READY, "", 0.1)]
        self.may_open = asyncio.Event()
        self.may_open.set()
        self.closed_with: list[QuitChoice | None] = []
        self.report: Callable[[StartStep], None] = lambda step: None
        self._changed = asyncio.Event()

    def push(self, snapshot: Snapshot) -> None:
        """Let the console see another snapshot."""
        self.snapshot = snapshot
        self._changed.set()

    async def open(self, report: Callable[[StartStep], None]) -> None:
        self.report = report
        for step in self.start_steps:
            report(step)
        await self.may_open.wait()
        self._raise("open")

    async def work_in_progress(self) -> WorkInProgress:
        self._raise("work_in_progress")
        return self.work

    async def close(self, choice: QuitChoice | None) -> None:
        self.closed_with.append(choice)

    async def watch(self) -> AsyncIterator[Snapshot]:
        while True:
            self._changed.clear()
            yield self.snapshot
            await self._changed.wait()

    async def freshness(self) -> Sequence[Freshness]:
        self._ask("freshness")
        return list(self.freshness_rows)

    async def captures(self, text: str = "", limit: int = 500) -> Sequence[CaptureRow]:
        self._ask("captures", text)
        return [row for row in self.capture_rows if text.casefold() in repr(row).casefold()][:limit]

    async def capture(self, capture_id: int) -> CaptureDetail:
        self._ask("capture", capture_id)
        return _found(self.capture_details, capture_id)

    async def runs(self, text: str = "", limit: int = 200) -> Sequence[RunRow]:
        self._ask("runs", text)
        return [row for row in self.run_rows if text.casefold() in repr(row).casefold()][:limit]

    async def run(self, run_id: str) -> RunDetail:
        self._ask("run", run_id)
        return _found(self.run_details, run_id)

    async def tasks(self, text: str = "", limit: int = 500) -> Sequence[TaskRow]:
        self._ask("tasks", text)
        return [row for row in self.task_rows if text.casefold() in repr(row).casefold()][:limit]

    async def task(self, task_id: str) -> TaskDetail:
        self._ask("task", task_id)
        return _found(self.task_details, task_id)

    async def schedule(self) -> Sequence[PeriodicTask]:
        self._ask("schedule")
        return list(self.schedule_rows)

    async def history(self, span: timedelta, by: str = "task", *, with_times: bool = False) -> History:
        self._ask("history", span, by)
        return self.histories.get(by) or builders.a_history(groups=())

    async def actions(self, text: str = "", limit: int = 500) -> Sequence[OperatorAction]:
        self._ask("actions", text)
        return [row for row in self.action_rows if text.casefold() in repr(row).casefold()][:limit]

    async def diagnose(self, report: Callable[[CheckProgress], None]) -> Diagnosis:
        self._ask("diagnose")
        report(CheckProgress(0, 30, "asking broker, workers and database"))
        await self.may_diagnose.wait()
        return self.diagnosis

    async def explain(self, task_id: str) -> Sequence[Finding]:
        self._ask("explain", task_id)
        return self.explanations.get(task_id, ())

    async def apply_remedies(self, numbers: Sequence[int]) -> ActionResult:
        return self._do("apply_remedies", tuple(numbers))

    async def discover(self, location_ids: Sequence[int] | None = None) -> ActionResult:
        return self._do("discover", None if location_ids is None else tuple(location_ids))

    async def process(self, capture_ids: Sequence[int], *, force: bool = False) -> ActionResult:
        return self._do("process", tuple(capture_ids), force)

    async def discover_and_process(self) -> ActionResult:
        return self._do("discover_and_process")

    async def revoke(self, task_ids: Sequence[str], *, terminate: bool = False) -> ActionResult:
        return self._do("revoke", tuple(task_ids), terminate)

    async def dismiss(self, task_ids: Sequence[str]) -> ActionResult:
        return self._do("dismiss", tuple(task_ids))

    async def cancel_run(self, run_id: str) -> ActionResult:
        return self._do("cancel_run", run_id)

    async def run_scheduled(self, names: Sequence[str]) -> ActionResult:
        return self._do("run_scheduled", tuple(names))

    async def switch_scheduled(self, names: Sequence[str], *, is_enabled: bool) -> ActionResult:
        return self._do("switch_scheduled", tuple(names), is_enabled)

    async def set_interval(self, names: Sequence[str], seconds: float | None) -> ActionResult:
        return self._do("set_interval", tuple(names), seconds)


def _found(details: dict[Key, Detail], key: Key) -> Detail:
    if key not in details:
        raise NotFoundError(f"{key} is not there any more")
    return details[key]


_implements_the_protocol: type[Fleet] = ScriptedFleet
