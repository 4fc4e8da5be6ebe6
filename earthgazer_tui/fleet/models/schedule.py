"""Periodic tasks as the console shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """One entry of the schedule."""

    name: str
    """Its name."""
    task: str
    """Task name."""
    timing: str
    """``every 600 s`` or ``7 * * * * UTC``, as it is now."""
    code_timing: str
    """As the code says; differs where an operator changed it."""
    interval_s: float | None
    """Seconds between runs as it is now; None for a crontab."""
    is_changed: bool
    """Whether an operator gave it an interval of its own."""
    is_enabled: bool
    """Whether it is sent."""
    next_run_at: datetime | None
    """When it is due next, in the past while that run waits to be sent; None while switched off."""
    is_late: bool
    """Whether a run is due for long and not sent."""
    last_run_at: datetime | None
    """When it was sent last, by schedule or by an operator."""
    last_task_id: str | None
    """The task that was sent last."""
    last_state: str | None
    """What became of that: a state of a task; None where nothing is known of it."""
    last_runtime_s: float | None
    """How long a success took."""
    last_error: str
    """One line of its failure, or why no message could be made of it; empty otherwise."""
    total_runs: int
    """Times that it was sent."""
