"""Progress of a running task: to the result backend and to the flight recorder, seldom enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earthgazer_core.domain.progress import Progress

if TYPE_CHECKING:
    from celery import Task

STEP_PERCENT = 2.0
"""Smaller steps are not told: nobody sees them, and each costs a round trip."""


class ProgressReporter:
    """A progress sink that tells each new stage, and each step of :data:`STEP_PERCENT` within one."""

    def __init__(self, task: Task, capture_id: int | None) -> None:  # type: ignore[type-arg]
        self._task = task
        self._capture_id = capture_id
        self._stage = ""
        self._told = -STEP_PERCENT

    def __call__(self, progress: Progress, /) -> None:
        """Take one report; most are dropped here at the cost of a comparison."""
        percent = progress.percent
        is_new_stage = progress.stage != self._stage
        if not is_new_stage and (percent is None or percent < self._told + STEP_PERCENT):
            return
        self._stage = progress.stage
        self._told = percent if percent is not None else -STEP_PERCENT
        task_id = self._task.request.id
        if task_id is None:
            return  # called directly: there is no result that anybody could watch
        self._task.update_state(
            state="PROGRESS",
            meta={"percent": percent, "stage": progress.stage, "capture_id": self._capture_id},
        )
        from earthgazer_core import recorder

        recorder.note_progress(task_id, percent or 0.0, progress.stage)

    def within(self, prefix: str) -> ProgressReporter:
        """Return a sink for a part of the work, whose stages are told with a prefix."""
        return _Prefixed(self, prefix)


class _Prefixed(ProgressReporter):
    def __init__(self, parent: ProgressReporter, prefix: str) -> None:
        self._parent = parent
        self._prefix = prefix

    def __call__(self, progress: Progress, /) -> None:
        self._parent(Progress(f"{self._prefix} {progress.stage}".strip(), progress.done, progress.total))
