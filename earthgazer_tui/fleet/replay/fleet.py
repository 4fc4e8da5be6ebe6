"""A recording behind the protocol of a fleet: what was seen is shown, nothing can be changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from earthgazer_tui.fleet.errors import ReadOnlyError, RefusedError
from earthgazer_tui.fleet.live.fleet import LiveFleet
from earthgazer_tui.fleet.live.options import LiveOptions
from earthgazer_tui.fleet.live.session import LiveSession
from earthgazer_tui.fleet.models import ReplayPosition, StartStep, StepState, WorkInProgress
from earthgazer_tui.fleet.replay.session import READ_S, ReplaySession

_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_SHARE: Final = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")


class ReplayFleet(LiveFleet):
    """A fleet as it was; see :class:`earthgazer_tui.fleet.protocol.Fleet`."""

    def __init__(self, recording: Path, options: LiveOptions) -> None:
        super().__init__(replace(options, read_only=True))
        self._recording = recording
        self._replay: ReplaySession | None = None

    async def open(self, report: Callable[[StartStep], None]) -> None:
        """Find the recording and begin to go through it."""
        report(StartStep("Recording", StepState.STARTING, str(self._recording.name), 0.0))
        session = ReplaySession(self._recording, self._options, self._runner)
        await session.find()
        self._session = self._replay = session
        session.start()

    async def work_in_progress(self) -> WorkInProgress:
        """Return nothing: what ran in a recording ended long ago."""
        return WorkInProgress(is_embedded=False, other_consoles=0, running=0, waiting=0)

    async def toggle_replay(self) -> None:
        """Stop time, or let it go on."""
        session = self._recorded()
        await self._runner.run(READ_S, session.player.toggle)
        session.look_again()

    async def change_replay_speed(self, steps: int) -> None:
        """Let time go faster or slower."""
        session = self._recorded()
        await self._runner.run(READ_S, session.player.change_speed, steps)
        session.look_again()

    async def jump_replay(self, by: timedelta) -> None:
        """Go forward or back."""
        session = self._recorded()
        await self._runner.run(READ_S, session.player.seek, session.player.now + by.total_seconds())
        session.look_again()

    async def seek_replay(self, place: str) -> None:
        """Go to a place."""
        session = self._recorded()
        await self._runner.run(READ_S, session.player.seek, read_place(place, session.player.position))
        session.look_again()

    def _recorded(self) -> ReplaySession:
        self._open_session()
        if self._replay is None:
            raise RefusedError("the recording is not open")
        return self._replay

    def _changing(self) -> LiveSession:
        raise ReadOnlyError("this is a recording: what it shows is over and can't be changed")


def read_place(text: str, position: ReplayPosition) -> float:
    """Return the seconds since the epoch that a place in a recording names.

    Args:
        text: ``03:12``, ``03:12:44`` (the day is that of where we are), ``2026-03-01 03:12:44``, ``40%``,
            ``start`` or ``end``; times are UTC.
        position: Where we are.

    Raises:
        RefusedError: it is none of these, or outside the recording.
    """
    text = text.strip()
    if text in ("start", "end"):
        return position.begins_at if text == "start" else position.ends_at
    if found := _SHARE.fullmatch(text):
        share = min(float(found[1]), 100.0) / 100.0
        return position.begins_at + share * (position.ends_at - position.begins_at)
    at = _moment(text, datetime.fromtimestamp(position.at, UTC))
    if at is None:
        raise RefusedError(f"{text!r} is no place: try 03:12, 2026-03-01 03:12:44, 40%, start or end")
    if not position.begins_at - 1.0 <= at.timestamp() <= position.ends_at + 1.0:
        first, last = (datetime.fromtimestamp(t, UTC) for t in (position.begins_at, position.ends_at))
        raise RefusedError(
            f"{at:%Y-%m-%d %H:%M:%S} is outside the recording, which goes from {first:%Y-%m-%d %H:%M:%S}"
            f" to {last:%Y-%m-%d %H:%M:%S} UTC"
        )
    return at.timestamp()


def _moment(text: str, here: datetime) -> datetime | None:
    try:
        if found := _TIME.fullmatch(text):
            hour, minute, second = (int(part or 0) for part in found.groups())
            return here.replace(hour=hour, minute=minute, second=second, microsecond=0)
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
