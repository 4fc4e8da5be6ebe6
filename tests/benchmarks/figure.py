"""One measured figure, what it may be, and what it was measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value."""

    name: str
    """What was measured, with its circumstances."""
    value: float
    """The value."""
    unit: str
    """Its unit."""
    budget: float | None = None
    """What it may be; None where it is only told."""
    bound: Literal["at most", "at least"] = "at most"
    """Which side of the budget is good."""
    peer: str = ""
    """What the ratio is against; empty where there is none."""
    peer_value: float | None = None
    """The peer's value in the same unit and the same run."""
    note: str = ""
    """What to know about it."""

    @property
    def is_met(self) -> bool | None:
        """Whether it is within its budget; None without one."""
        if self.budget is None:
            return None
        return self.value <= self.budget if self.bound == "at most" else self.value >= self.budget

    @property
    def ratio(self) -> float | None:
        """The value over the peer's."""
        return None if not self.peer_value else self.value / self.peer_value
