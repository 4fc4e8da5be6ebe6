"""Where we are in a recording."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReplayPosition:
    """A place in a recording and how it goes on."""

    at: float
    """Seconds since the epoch."""
    begins_at: float
    """Of its first frame."""
    ends_at: float
    """Of its last frame."""
    speed: float
    """Seconds of the recording per second."""
    is_paused: bool
    """Whether time stands still."""
    damaged_lines: int
    """Lines that could not be read so far."""

    @property
    def percent(self) -> float:
        """How far, 0 to 100."""
        span = self.ends_at - self.begins_at
        return 100.0 * (self.at - self.begins_at) / span if span > 0 else 100.0
