"""Workflow runs as the console shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in the list."""

    run_id: str
    """Its id."""
    name: str
    """Workflow name, or the root task's."""
    state: str
    """``running``, ``waiting``, ``succeeded``, ``failed``, ``cancelled``."""
    created_at: datetime
    """Aware UTC."""
    finished_at: datetime | None
    """When its last step ended; None while it runs."""
    total: int
    """Steps known, future ones included."""
    done: int
    """Steps that succeeded."""
    failed: int
    """Steps that failed."""
    running: int
    """Steps that run."""
    percent: float
    """Share of the steps done, those running counted by their progress."""
    subject: str
    """What it works on, ``capture 12`` or ``5 captures``; may be empty."""


@dataclass(frozen=True, slots=True)
class RunStep:
    """One step of a run; steps come in tree order."""

    task_id: str
    """Id of its task, frozen also where it is yet to be published."""
    name: str
    """Task name, or ``group``/``chord`` for a joint."""
    state: str
    """A name of :mod:`celery.states`, PROGRESS, or FUTURE."""
    depth: int
    """Level in the tree, 0 for roots."""
    after: tuple[str, ...]
    """Ids of the steps that it waits for."""
    joined: tuple[int, int] | None
    """For a chord's body: (m, n) members of the header that are done."""
    percent: float | None
    """Progress while running."""
    stage: str
    """What it is doing; may be empty."""
    started_at: datetime | None
    """Aware UTC."""
    finished_at: datetime | None
    """Aware UTC."""
    error: str
    """One line of its failure, or ``blocked by …``; empty otherwise."""
    capture_id: int | None
    """Capture that it works on."""
    sent_at: datetime | None = None
    """Aware UTC; None where it is yet to be published."""
    is_critical: bool = False
    """Whether the run's duration hung on it: it is on the chain of steps that ended last."""


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run and its steps."""

    row: RunRow
    """Its line in the list."""
    steps: tuple[RunStep, ...]
    """In tree order."""
