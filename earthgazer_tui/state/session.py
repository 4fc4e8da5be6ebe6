"""What a screen is given to work with."""

from __future__ import annotations

from dataclasses import dataclass

from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.state.store import Store


@dataclass(frozen=True, slots=True)
class Session:
    """One console looking at one fleet."""

    fleet: Fleet
    """The fleet."""
    store: Store
    """Its latest snapshot."""
    is_read_only: bool = False
    """Whether commands that change the world are removed."""
    refresh_s: float = 1.0
    """Seconds between two questions of the active screen to the fleet."""
