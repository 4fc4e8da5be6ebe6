"""What a resume of a workflow run would do."""

from __future__ import annotations

from dataclasses import dataclass

from earthgazer_core.operations.retry_offer import COPY, IN_PLACE, REFUSED

ANEW, FOLLOWS, GOES_ON = "anew", "follows", "goes on"
"""What becomes of a step, beside ``in place``, ``copy`` and ``refused``."""
SENT = (IN_PLACE, COPY, ANEW)
"""Those that are published at once."""


@dataclass(frozen=True, slots=True)
class ResumeItem:
    """What becomes of one step that did not succeed."""

    task_id: str
    """Its id now."""
    name: str
    """Task name."""
    queue: str | None
    """Queue that its message goes to; None where it is published later."""
    mode: str
    """``in place``, ``copy`` or ``anew``: sent at once; ``follows``: published by what comes before it;
    ``goes on``: a queue or a worker has it; ``refused``."""
    note: str
    """What comes with it, or why it is refused."""


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """What a resume would do; nothing has been changed."""

    run_id: str
    """The run."""
    name: str
    """Its workflow."""
    is_cancelled: bool
    """Whether it was cancelled, so that what is left of it becomes a new run."""
    items: tuple[ResumeItem, ...]
    """Every step that did not succeed, in the order of the run."""
    kept: int
    """Steps that succeeded and won't run again."""
    refusal: str
    """Why it can't be resumed; empty where it can."""

    @property
    def sent(self) -> tuple[ResumeItem, ...]:
        """What would be published at once."""
        return tuple(item for item in self.items if item.mode in SENT)

    @property
    def summary(self) -> str:
        """One line."""
        if self.refusal:
            return self.refusal
        follow = sum(item.mode == FOLLOWS for item in self.items)
        refused = sum(item.mode == REFUSED for item in self.items)
        words = f"{len(self.sent)} sent, {follow} follow, {self.kept} that succeeded stay"
        words += f", {refused} refused" if refused else ""
        return f"{words}; as a new run" if self.is_cancelled else words
