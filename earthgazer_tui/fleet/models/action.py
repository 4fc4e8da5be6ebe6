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


@dataclass(frozen=True, slots=True)
class RetryCount:
    """Tasks of a plan that look alike."""

    name: str
    """Task name."""
    queue: str | None
    """Queue that they go to."""
    state: str
    """Their state."""
    count: int
    """How many."""


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """The dry run of a retry."""

    items: tuple[RetryPlanItem, ...]
    """One for each task asked for; of many the first."""
    task_ids: tuple[str, ...] = ()
    """All tasks that would be taken on, in the order in which they would go; empty where items are all."""
    counts: tuple[RetryCount, ...] = ()
    """The same by name, queue and state."""
    note: str = ""
    """What is left out and why; may be empty."""

    @property
    def ids(self) -> tuple[str, ...]:
        """All tasks that would be taken on."""
        return self.task_ids or tuple(item.task_id for item in self.items)


@dataclass(frozen=True, slots=True)
class RetryOrder:
    """A retry of several tasks, one after the other."""

    task_ids: tuple[str, ...]
    """The tasks, in this order."""
    copy: bool = False
    """Whether each gets a new id."""
    rate: str = ""
    """``5/s``, ``30/m`` or ``100/h``; as fast as it goes where empty."""
    said: str = ""
    """The filter line that chose them, for the audit; may be empty."""


@dataclass(frozen=True, slots=True)
class RetryProgress:
    """How far a retry of several tasks is."""

    total: int
    """Tasks to take on."""
    retried: int = 0
    """Sent again."""
    refused: int = 0
    """Refused at their moment."""
    last_refusal: str = ""
    """Why the newest of these was."""

    @property
    def done(self) -> int:
        """Tasks dealt with."""
        return self.retried + self.refused


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """The dry run of resuming a run."""

    items: tuple[RetryPlanItem, ...]
    """Every step that did not succeed."""
    summary: str
    """One line."""
    refusal: str
    """Why it can't be resumed; empty where it can."""
