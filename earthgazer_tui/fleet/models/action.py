"""What became of something an operator did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """One worker's own answer to a command."""

    worker: str
    """Node name, ``cpu1@host``."""
    is_ok: bool
    """Whether the worker did it."""
    text: str
    """What it said, or ``no answer in 2.0 s``."""
    is_final: bool = True
    """Whether it has no more to say; its next word takes the place of this one."""


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The outcome of one command, as told by those who carried it out."""

    is_ok: bool
    """Whether everything that was asked for was done."""
    summary: str
    """One line for a notification."""
    replies: tuple[Reply, ...] = ()
    """Answers by worker, in order of arrival; empty where none is involved."""


@dataclass(frozen=True, slots=True)
class RetryPlanItem:
    """What a retry of one task would send where, or why it can't."""

    task_id: str
    """The failed task."""
    name: str
    """Task name."""
    queue: str | None
    """Queue that the message would go to."""
    mode: str
    """``in place``, ``copy`` or ``refused``."""
    note: str
    """What comes with it (``chain goes on: 2 steps``), or the reason of a refusal."""
    is_partial: bool = False
    """Whether it isn't known what comes after the task, so that nothing would."""


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """The dry run of a retry."""

    items: tuple[RetryPlanItem, ...]
    """One for each task asked for."""
