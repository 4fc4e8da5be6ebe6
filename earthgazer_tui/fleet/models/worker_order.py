"""What can be asked of workers, one value for each kind of order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resize:
    """More processes for a pool, or fewer."""

    by: int
    """How many more; below 0, how many fewer."""


@dataclass(frozen=True, slots=True)
class Autoscale:
    """Another range for a pool that scales itself."""

    least: int
    """Fewest processes."""
    most: int
    """Most processes."""


@dataclass(frozen=True, slots=True)
class AddConsumer:
    """Take from a queue as well."""

    queue: str
    """Its name."""


@dataclass(frozen=True, slots=True)
class CancelConsumer:
    """Take no more from a queue."""

    queue: str
    """Its name."""


@dataclass(frozen=True, slots=True)
class LimitRate:
    """Begin a task only so often."""

    task: str
    """Task name."""
    rate: str
    """``10/s``, ``5/m``, ``100/h``; ``0`` lifts the limit."""


@dataclass(frozen=True, slots=True)
class LimitTime:
    """Let a task run only for so long."""

    task: str
    """Task name."""
    soft_s: float | None
    """Seconds after which it is told; None lifts the limit."""
    hard_s: float | None
    """Seconds after which it is killed; None lifts the limit."""


@dataclass(frozen=True, slots=True)
class RestartPool:
    """New processes for old."""


@dataclass(frozen=True, slots=True)
class SwitchEvents:
    """Send task events, or send them no more."""

    on: bool
    """Whether they are sent."""


@dataclass(frozen=True, slots=True)
class ShutDown:
    """Take nothing more, end what runs, and go."""

    wait_s: float = 900.0
    """Longest time to watch what still runs; the shutdown goes on afterwards."""
    even_silent: bool = False
    """Whether those that do not answer are told as well, such as a solo pool that runs a task."""


WorkerOrder = (
    Resize
    | Autoscale
    | AddConsumer
    | CancelConsumer
    | LimitRate
    | LimitTime
    | RestartPool
    | SwitchEvents
    | ShutDown
)
"""Any of them."""
