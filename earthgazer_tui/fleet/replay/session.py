"""One open look at a recording: the live session's store and screens, fed by a player."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from earthgazer_core.settings import load_settings
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.options import LiveOptions
from earthgazer_tui.fleet.live.runner import Runner
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.live.session import LiveSession
from earthgazer_tui.fleet.live.snapshot import Clock
from earthgazer_tui.fleet.models import ReplayPosition
from earthgazer_tui.fleet.replay.player import Player

TICK_S = 0.25
READ_S = 120.0
"""Longest wait for a jump: a segment of a busy fleet has millions of events."""


class ReplaySession(LiveSession):
    """A session without broker and database, whose time is that of the recording."""

    player: Player
    """Goes through the recording, once :meth:`find` found it."""

    def __init__(self, recording: Path, options: LiveOptions, runner: Runner) -> None:
        super().__init__(_no_services(recording), options, runner)
        self._recording = recording
        self._ticking: asyncio.Task[None] | None = None

    async def find(self) -> None:
        """Find the recording.

        Raises:
            FleetError: there is none, or it can't be read.
        """
        self.player = await self._runner.run(
            READ_S, Player, self._recording, self.state, self.seen, self._names
        )

    def start(self) -> None:
        """Let time begin."""
        self.feed.start()
        self._ticking = asyncio.create_task(self._tick())

    async def close(self) -> None:
        """Stop time."""
        if self._ticking is not None:
            self._ticking.cancel()
        await super().close()

    def look_again(self) -> None:
        """Show where we are."""
        self.feed.note_change()

    def _clock(self) -> Clock:
        return Clock(
            monotonic=lambda: self.player.now,
            now=lambda: datetime.fromtimestamp(self.player.now, UTC),
            position=self._position,
        )

    def _position(self) -> ReplayPosition:
        return self.player.position

    async def _tick(self) -> None:
        while True:
            if await self._runner.run(READ_S, self.player.tick):
                self.feed.note_change()
            await asyncio.sleep(TICK_S)


def _no_services(recording: Path) -> Services:
    return Services(
        context=sanitise.line(recording.name),
        settings=load_settings(None),
        app=None,
        database=None,
        embedded=None,
        broker_label="as recorded",
        database_label="",
        is_redis=False,
        kind="recording",
    )
