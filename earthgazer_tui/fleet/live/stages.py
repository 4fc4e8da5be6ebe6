"""How far a capture is: its stages, from what was made of it and what its tasks are doing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from earthgazer_core.domain.artifact import Stage
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.models import StageState

STAGE_OF_TASK: Mapping[str, Stage] = {
    "earthgazer.io.backup_capture": Stage.BACKED_UP,
    "earthgazer.io.download_bands": Stage.DOWNLOADED,
    "earthgazer.cpu.stack_and_crop": Stage.STACKED,
    "earthgazer.cpu.compute_ndvi": Stage.NDVI,
    "earthgazer.cpu.generate_rgb": Stage.RGB,
}
"""Which task brings a capture to which stage."""

_VERBS = {
    Stage.BACKED_UP: "backing up",
    Stage.DOWNLOADED: "downloading",
    Stage.STACKED: "stacking",
    Stage.NDVI: "making NDVI",
    Stage.RGB: "making RGB",
}
_RUNNING = frozenset({"STARTED", "PROGRESS"})
_WAITING = frozenset({"PENDING", "RECEIVED", "RETRY"})


@dataclass(frozen=True, slots=True)
class Execution:
    """The newest execution of one kind of task on one capture."""

    name: str
    """Task name."""
    state: str
    """Its state."""
    at: datetime
    """When it came into it."""
    percent: float | None
    """Progress."""
    is_skipped: bool
    """Whether it ended without making anything, and said why."""
    is_dismissed: bool
    """Whether an operator took its failure from the list."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a capture has, with the time it got it."""

    at: Mapping[Stage, datetime]
    """By stage; a stage that is not reached is not in it."""


def stages_of(made: Made, executions: Mapping[str, Execution]) -> tuple[StageState, ...]:
    """Return all stages in order; what is being done now goes before what was done once."""
    found: list[StageState] = []
    by_stage = {STAGE_OF_TASK[name]: one for name, one in executions.items() if name in STAGE_OF_TASK}
    is_in_work = False
    for stage in Stage:
        state = _state(stage, made, by_stage.get(stage))
        if state.state in ("running", "waiting"):
            is_in_work = True
        elif state.state == "none" and is_in_work:
            # A later step of a chain is published only when it is due.
            state = StageState(stage, "waiting")
        found.append(state)
    return tuple(found)


def activity_of(stages: tuple[StageState, ...]) -> str:
    """Return in a few words what is being done: ``stacking 40 %``."""
    for one in stages:
        if one.state == "running":
            share = f" {one.percent:.0f} %" if one.percent is not None else ""
            return f"{_VERBS.get(Stage(one.stage), one.stage)}{share}"
    if any(one.state == "waiting" for one in stages):
        return "waiting for a worker"
    return ""


def _state(stage: Stage, made: Made, execution: Execution | None) -> StageState:
    if stage is Stage.DISCOVERED:
        return StageState(stage, "done")
    made_at = made.at.get(stage)
    if execution is not None:
        if execution.state in _RUNNING:
            percent = round(execution.percent) if execution.percent is not None else None
            return StageState(stage, "running", percent)
        if execution.state in _WAITING:
            return StageState(stage, "waiting")
        is_newest = made_at is None or execution.at > made_at
        if execution.state == "FAILURE" and is_newest and not execution.is_dismissed:
            return StageState(stage, "failed")
        if execution.is_skipped and made_at is None:
            return StageState(stage, "skipped")
    return StageState(stage, "done" if made_at is not None else "none")


def task_words(name: str) -> str:
    """Return a task's name in short words for a line of a capture."""
    stage = STAGE_OF_TASK.get(name)
    return _VERBS[stage] if stage is not None else sanitise.name(name.rpartition(".")[2])
