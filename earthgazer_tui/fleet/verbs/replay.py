"""Going through a recording."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol


class ReplayVerbs(Protocol):
    """Going through a recording; a fleet that is alive refuses all of it."""

    async def toggle_replay(self) -> None:
        """Stop time, or let it go on; at the end it begins anew."""

    async def change_replay_speed(self, steps: int) -> None:
        """Let time go faster or slower by so many steps."""

    async def jump_replay(self, by: timedelta) -> None:
        """Go forward or back by a span."""

    async def seek_replay(self, place: str) -> None:
        """Go to a place: ``03:12``, ``2026-03-01 03:12:44`` (UTC), ``40%``, ``start`` or ``end``.

        Raises:
            RefusedError: it is none of these, or outside the recording.
        """
