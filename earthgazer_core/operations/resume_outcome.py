"""What a resume of a workflow run did."""

from __future__ import annotations

from dataclasses import dataclass

from earthgazer_core.operations.resume_plan import ResumeItem


@dataclass(frozen=True, slots=True)
class ResumedStep:
    """A message that was published."""

    task_id: str
    """Id of the step in the run that was asked for."""
    name: str
    """Task name."""
    queue: str | None
    """Queue that it went to."""
    mode: str
    """``in place``, ``copy`` or ``anew``."""
    new_id: str | None
    """Its new id; None in place."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a resume did."""

    run_id: str
    """The run that was asked for."""
    goes_on_as: str
    """The run that goes on: the same, or for a cancelled one the new one."""
    sent: tuple[ResumedStep, ...]
    """What was published."""
    refused: tuple[ResumeItem, ...]
    """What could not be, each with its reason."""

    @property
    def summary(self) -> str:
        """One line."""
        words = f"{len(self.sent)} sent"
        words += f", {len(self.refused)} refused" if self.refused else ""
        return words if self.goes_on_as == self.run_id else f"{words}; goes on as run {self.goes_on_as}"
