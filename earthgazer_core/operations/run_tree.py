"""The steps of a workflow run as a tree: what a step waits for comes before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from earthgazer_core.operations.critical_path import Timed, critical_path
from earthgazer_core.operations.run_steps import FUTURE, RUNNING, FoundStep
from earthgazer_core.recorder.order import FAILED, SUCCEEDED


@dataclass(frozen=True, slots=True)
class RunStep:
    """One step of a run."""

    task_id: str
    """Id of its task, known also where it is yet to be published."""
    name: str
    """Task name."""
    state: str
    """A state of a task, or FUTURE."""
    depth: int
    """Level in the tree, 0 for roots; the links of a chain have the same."""
    after: tuple[str, ...]
    """Ids of the steps that it waits for."""
    joined: tuple[int, int] | None
    """For a chord's body: (m, n) members of the header that are done."""
    percent: float | None
    """Progress while running."""
    stage: str
    """What it is doing; may be empty."""
    sent_at: datetime | None
    """Aware UTC; None where it is yet to be published."""
    started_at: datetime | None
    """Aware UTC."""
    finished_at: datetime | None
    """Aware UTC."""
    error: str
    """One line of its failure, or what blocks it; empty otherwise."""
    capture_id: int | None
    """Capture that it works on."""
    is_critical: bool
    """Whether the run's duration hung on it, see :mod:`earthgazer_core.operations.critical_path`."""


def step_tree(steps: Sequence[FoundStep], *, is_cancelled: bool) -> Iterable[RunStep]:
    """Yield steps so that each comes after what it waits for, and branches stay together."""
    by_id = {step.task_id: step for step in steps}
    before = {step.task_id: [task_id for task_id in step.after if task_id in by_id] for step in steps}
    following: dict[str, list[str]] = defaultdict(list)
    for step in steps:
        for task_id in before[step.task_id]:
            following[task_id].append(step.task_id)
    path = frozenset(critical_path(map(_timed, steps)))
    depths: dict[str, int] = {}
    pending = [step.task_id for step in reversed(steps) if not before[step.task_id]]
    while pending:
        task_id = pending.pop()
        # A body comes up once for each member of its header; the last of them brings it in.
        if task_id in depths or any(earlier not in depths for earlier in before[task_id]):
            continue
        depths[task_id] = _depth([depths[earlier] for earlier in before[task_id]], following, before[task_id])
        yield _shown(by_id[task_id], depths[task_id], by_id, path, is_cancelled=is_cancelled)
        pending += reversed(following[task_id])
    # Only a cycle keeps steps from their turn; no message of Celery's makes one, a broken record might.
    for step in steps:
        if step.task_id not in depths:
            yield _shown(step, 0, by_id, path, is_cancelled=is_cancelled)


def _depth(depths: Sequence[int], following: Mapping[str, Sequence[str]], before: Sequence[str]) -> int:
    if not before:
        return 0
    if len(before) == 1:
        return depths[0] + (len(following[before[0]]) > 1)
    return max(0, min(depths) - 1)


def _timed(step: FoundStep) -> Timed:
    execution = step.execution
    if execution is None or step.is_blocked:
        return Timed(step.task_id, step.after, None, None)
    return Timed(step.task_id, step.after, execution.started_at, execution.finished_at)


def _shown(
    step: FoundStep, depth: int, by_id: Mapping[str, FoundStep], path: Container[str], *, is_cancelled: bool
) -> RunStep:
    execution = step.execution
    header = [by_id[task_id] for task_id in step.after if task_id in by_id]
    joined = None
    if step.chord_size is not None or len(header) > 1:
        joined = (sum(member.state in SUCCEEDED for member in header), step.chord_size or len(header))
    return RunStep(
        task_id=step.task_id,
        name=step.name,
        # A body that was blocked never ran, whatever Celery's backend says of it.
        state=FUTURE if step.is_blocked else step.state,
        depth=depth,
        after=step.after,
        joined=joined,
        percent=execution.percent if execution is not None and execution.state in RUNNING else None,
        stage=(execution.stage or "") if execution is not None and execution.state in RUNNING else "",
        sent_at=execution.sent_at if execution is not None and not step.is_blocked else None,
        started_at=execution.started_at if execution is not None else None,
        finished_at=execution.finished_at if execution is not None and not step.is_blocked else None,
        error=_error(step, header, is_cancelled=is_cancelled),
        capture_id=execution.capture_id if execution is not None else None,
        is_critical=step.task_id in path,
    )


def _error(step: FoundStep, header: Sequence[FoundStep], *, is_cancelled: bool) -> str:
    execution = step.execution
    if step.is_blocked and execution is not None:
        return f"blocked by {execution.blocked_by}"
    if execution is None:
        failed = next((member for member in header if member.state in FAILED), None)
        if failed is not None:
            return f"blocked by {failed.task_id}"
        return "cancelled" if is_cancelled else ""
    if execution.state == "REPLACED" and is_cancelled:
        return "cancelled"
    if execution.state not in FAILED and execution.state != "RETRY":
        return ""
    message = (execution.error_message or "").strip().splitlines()
    kind = execution.error_type or execution.state
    return f"{kind}: {message[0]}" if message else kind
