"""A fleet that the console can look at, before it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from earthgazer_tui.fleet.protocol import Fleet


@dataclass(frozen=True, slots=True)
class Place:
    """One fleet to choose."""

    name: str
    """Its name in the config file, or what the console was started with."""
    make_fleet: Callable[[], Fleet]
    """Makes the fleet; called in a thread, since it imports much. May raise a ``FleetError``."""
    is_read_only: bool = False
    """Whether commands that change the world are removed there."""
    colour: str = ""
    """Colour of its name; empty for none."""
    description: str = ""
    """One line."""
