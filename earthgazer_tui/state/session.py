"""What a screen is given to work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.state.line_history import LineHistory
from earthgazer_tui.state.store import Store
from earthgazer_tui.state.under_way import UnderWay


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
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Keys that the operator chose, by the ids of commands."""
    lines: LineHistory = field(default_factory=LineHistory)
    """Command lines entered so far."""
    colour: str = ""
    """Colour of the fleet's name; empty for none."""
    under_way: UnderWay = field(default_factory=UnderWay)
    """What goes on in the background."""
