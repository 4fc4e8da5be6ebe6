"""Which steps of a run its duration hung on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Timed:
    """A step as far as time is concerned."""

    task_id: str
    """Its id."""
    after: Sequence[str]
    """Ids of the steps that it waits for."""
    started_at: datetime | None
    """Aware UTC; None where it has not begun."""
    finished_at: datetime | None
    """Aware UTC; None where it goes on."""


def critical_path(steps: Iterable[Timed]) -> tuple[str, ...]:
    """Return the ids of the chain of steps that ended last, first step first.

    It is walked back from the step that ended last, or goes on: before each step comes that one of those it
    waited for which ended last (Kelley and Walker 1959, with durations measured instead of planned). A
    step that never began is in no path.
    """
    begun = {step.task_id: step for step in steps if step.started_at is not None}
    if not begun:
        return ()
    path: list[str] = []
    current: Timed | None = max(begun.values(), key=_end)
    while current is not None:
        path.append(current.task_id)
        current = max(_before(current, begun, path), key=_end, default=None)
    return tuple(reversed(path))


def _before(step: Timed, begun: Mapping[str, Timed], path: Sequence[str]) -> list[Timed]:
    """Return the steps that a step waited for and that are not in the path yet.

    A task that replaced itself ends under its own id after those that took its place, and they name it as
    what they came from: beyond it lies what had ended before they began.
    """
    found: list[Timed] = []
    looked_at = {step.task_id}
    pending = list(step.after)
    while pending:
        task_id = pending.pop()
        if task_id in looked_at or task_id not in begun:
            continue
        looked_at.add(task_id)
        if task_id in path:
            pending += begun[task_id].after
        elif task_id in step.after or _ended_before(begun[task_id], step):
            found.append(begun[task_id])
    return found


def _ended_before(earlier: Timed, step: Timed) -> bool:
    return (
        earlier.finished_at is not None
        and step.started_at is not None
        and earlier.finished_at <= step.started_at
    )


def _end(step: Timed) -> tuple[bool, float, float]:
    """Return what orders steps by their ends; one that goes on ends after all that ended."""
    started = step.started_at.timestamp() if step.started_at is not None else 0.0
    finished = step.finished_at.timestamp() if step.finished_at is not None else 0.0
    return step.finished_at is None, finished, started
