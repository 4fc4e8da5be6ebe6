"""What a retry offers, plans and answers."""

from __future__ import annotations

from dataclasses import dataclass

IN_PLACE, COPY, REFUSED = "in place", "copy", "refused"
"""Modes of a retry."""


@dataclass(frozen=True, slots=True)
class RetryOffer:
    """Whether and how a task can be retried now."""

    mode: str
    """``in place``, ``copy`` or ``refused``."""
    reason: str
    """What comes with it, or why it is refused."""
    name: str
    """Task name."""
    queue: str | None
    """Queue that the message would go to."""


@dataclass(frozen=True, slots=True)
class RetryPlanItem:
    """What a retry of one task would do; also the outcome where it was refused."""

    task_id: str
    """The task."""
    name: str
    """Task name; empty where it isn't known."""
    queue: str | None
    """Queue that the message would go to."""
    mode: str
    """``in place``, ``copy`` or ``refused``."""
    note: str
    """What comes with it, or why it is refused."""


@dataclass(frozen=True, slots=True)
class Retried:
    """A message that was published again."""

    task_id: str
    """The task asked for."""
    name: str
    """Task name."""
    queue: str | None
    """Queue that the message went to."""
    mode: str
    """``in place`` or ``copy``."""
    attempt: int
    """Number of the attempt that begins."""
    new_id: str | None
    """Id of the copy; None in place."""
