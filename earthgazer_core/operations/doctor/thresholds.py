"""From which point on Doctor calls something a fault."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits; the defaults leave a healthy fleet in peace."""

    unacked_share: float = 0.8
    """Share of the visibility timeout that an unacknowledged message may reach."""
    nowhere_s: float = 120.0
    """Time in which a message comes from a publisher's record to a queue, or from a worker back to it."""
    long_task_s: float = 60.0
    """Run time from which a task keeps others waiting."""
    memory_share: float = 0.8
    """Share of the broker's memory that may be used."""
    slow_database_s: float = 0.5
    """Time of the simplest query, connection included."""
    disk_share: float = 0.1
    """Share of a disk that has to be free, unless :attr:`disk_bytes` are."""
    disk_bytes: int = 20 * 2**30
    """Free bytes that are enough on any disk."""
    clock_skew_s: float = 5.0
    """Difference between two clocks."""
    chord_wait_s: float = 30.0
    """Time in which a chord's body follows the last of its header."""
    results_many: int = 50_000
    """Results that may be kept although nobody reads them."""
    results_bytes: int = 256 * 2**20
    """Memory that such results may take."""
    results_forever: int = 1_000
    """Results that may be kept without an end."""
