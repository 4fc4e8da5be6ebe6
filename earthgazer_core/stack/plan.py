"""What one supervisor is asked to run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from earthgazer_core.stack.profiles import CELERY_APP


@dataclass(frozen=True, slots=True)
class StackPlan:
    """The servers are always the same; what runs on them may differ."""

    state_dir: Path
    """State directory, private and resolved."""
    is_detached: bool = False
    """Whether it stays when nobody is attached."""
    concurrency: int | None = None
    """Processes in each worker's pool; the profile's own number if None."""
    app: str = CELERY_APP
    """Celery app of workers and beat."""
    profiles: tuple[str, ...] = ("io", "cpu")
    """One worker of each is started with the stack."""
    warm_timeout_s: float | None = None
    """Longest wait for running tasks at a warm end; a little above the hard time limit of a task if None."""
    attach_grace_s: float = 15.0
    """Time for the console that started it to attach."""
