"""Starting and leaving a fleet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StepState(StrEnum):
    """How far one step of the start has come."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StartStep:
    """One thing that is being started."""

    name: str
    """``Postgres``, ``Valkey``, ``migrations``, ``worker io``, …"""
    state: StepState
    """How far it is."""
    detail: str
    """One line; the reason where it failed."""
    elapsed_s: float
    """Seconds since the start began."""


class QuitChoice(StrEnum):
    """What becomes of an embedded stack when its last console quits."""

    WAIT = "wait"
    """Let running tasks end, then stop."""
    LEAVE = "leave"
    """Leave it running."""
    STOP = "stop"
    """Stop now; what ran is given back and runs again at the next start."""


@dataclass(frozen=True, slots=True)
class WorkInProgress:
    """What quitting would end."""

    is_embedded: bool
    """Whether the stack is ours to stop."""
    other_consoles: int
    """Consoles attached besides this one; while there are any, quitting stops nothing."""
    running: int
    """Tasks that run."""
    waiting: int
    """Messages that wait."""
