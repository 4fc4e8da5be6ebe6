"""Going through a recording, which a fleet that is alive is not."""

from __future__ import annotations

from datetime import timedelta

from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.live.verbs.base import LiveVerbs

_ALIVE = "this is a fleet that is alive, no recording: see `earthgazer record` and --replay"


class LiveReplay(LiveVerbs):
    """Refuses, since only a recording has a time of its own."""

    async def toggle_replay(self) -> None:
        """Refuse."""
        raise RefusedError(_ALIVE)

    async def change_replay_speed(self, steps: int) -> None:
        """Refuse."""
        raise RefusedError(_ALIVE)

    async def jump_replay(self, by: timedelta) -> None:
        """Refuse."""
        raise RefusedError(_ALIVE)

    async def seek_replay(self, place: str) -> None:
        """Refuse."""
        raise RefusedError(_ALIVE)
