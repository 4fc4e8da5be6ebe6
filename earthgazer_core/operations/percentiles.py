"""How many executions ended and how long they took, as they are counted."""

from __future__ import annotations

from dataclasses import dataclass

SHARES = (0.5, 0.95, 0.99)
"""Of what took no longer, in the order of the fields below."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """How long something took, in seconds; None where nothing was measured."""

    p50: float | None
    """Half took no longer."""
    p95: float | None
    """All but one in twenty took no longer."""
    p99: float | None
    """All but one in a hundred took no longer."""


NOTHING = Percentiles(None, None, None)
"""Of what was not measured."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Executions of one name, or of all, within one slot, or within all slots."""

    name: str | None
    """Task or queue; None for all of them, and for a queue that isn't known."""
    is_total: bool
    """Whether it is all of them."""
    slot: int | None
    """Number of the slot; None for all slots."""
    ended: int
    """All of them."""
    failed: int
    """Those that failed."""
    revoked: int
    """Those that were revoked or rejected."""
    run: Percentiles
    """Time from start to end."""
    wait: Percentiles
    """Time until the start."""
