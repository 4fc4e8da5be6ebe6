"""What ran over a span of time, and what operators did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Percentiles:
    """How long something took, in seconds; None where nothing was measured."""

    p50: float | None
    """Half took no longer."""
    p95: float | None
    """All but one in twenty took no longer."""
    p99: float | None
    """All but one in a hundred took no longer."""


@dataclass(frozen=True, slots=True)
class HistoryGroup:
    """The executions of one task, or of one queue, that ended in the span."""

    name: str
    """Task or queue name; ``all`` for all together."""
    is_total: bool
    """Whether it is all together."""
    count: int
    """How many ended."""
    failed: int
    """How many of them failed."""
    failed_percent: float | None
    """Share of those that failed; None where none ended."""
    run: Percentiles
    """Time from start to end."""
    wait: Percentiles
    """Time from publishing to start."""
    throughput: tuple[int, ...]
    """How many ended in each slot, oldest first."""
    failures: tuple[int, ...]
    """How many of those failed."""
    run_times: tuple[Percentiles, ...] = ()
    """Time from start to end of those in each slot; nothing known where it was not asked for."""
    wait_times: tuple[Percentiles, ...] = ()
    """Time from publishing to start of those in each slot; likewise."""


@dataclass(frozen=True, slots=True)
class History:
    """What ended within a span of time."""

    since: datetime
    """Begin of the first slot, aware UTC."""
    until: datetime
    """End of the span."""
    slot_s: float
    """Length of a slot."""
    is_rounded: bool
    """Whether run and wait times are right to a hundredth only, because there were so many."""
    groups: tuple[HistoryGroup, ...]
    """All together, then by task or queue, the most frequent first."""


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """What an operator did."""

    number: int
    """Tells it from others, within one list."""
    at: datetime
    """Aware UTC."""
    who: str
    """Login user."""
    origin: str
    """SSH origin or terminal; empty where there was none."""
    context: str
    """The fleet's name; empty where it has none."""
    action: str
    """``task.retry``, ``pool.grow``, …"""
    target: str
    """What it was done to, in one line."""
    outcome: str
    """``done``, ``refused`` or ``failed``."""
    detail: str
    """What came of it, in one line."""
