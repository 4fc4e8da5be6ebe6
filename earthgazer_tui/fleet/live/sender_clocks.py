"""When something happened by our clock, told by senders whose clocks may be minutes, or a century, off."""

from __future__ import annotations

from collections import deque
from typing import Final

_NOTHING_S: Final = 2.0
"""A difference that delivery explains."""
_LATE_S: Final = 300.0
"""Longest time that we may be behind with listening; what seems to be older comes from a wrong clock."""
LATE_UNKNOWN_S: Final = 10.0
"""Likewise, of a sender that has no heartbeat to set our idea of its clock by."""
_BEATS: Final = 3
_MOST: Final = 5_000


class SenderClocks:
    """By how much workers' clocks differ from ours, by their heartbeats; publishers have none."""

    def __init__(self) -> None:
        self._beats: dict[str, deque[float]] = {}
        self.ahead: dict[str, float] = {}
        """Seconds by which they are, of the senders whose clocks are off."""

    def note_heartbeat(self, sender: str, told: float, heard: float) -> None:
        """Note what a worker's clock showed when we heard it."""
        beats = self._beats.get(sender)
        if beats is None:
            if len(self._beats) >= _MOST:
                return
            beats = self._beats[sender] = deque(maxlen=_BEATS)
        beats.append(told - heard)
        # Each came some time after it was sent: the one that came soonest is the nearest to the truth.
        ahead = max(beats)
        if abs(ahead) > _NOTHING_S:
            self.ahead[sender] = ahead
        else:
            self.ahead.pop(sender, None)

    def ours(self, sender: str, told: float, heard: float) -> float:
        """Return when something happened, by our clock: not after we heard of it, and not ages before."""
        at = told - self.ahead.get(sender, 0.0)
        if at > heard:
            return heard
        late_s = heard - at
        if late_s > LATE_UNKNOWN_S and (late_s > _LATE_S or sender not in self._beats):
            return heard
        return at
