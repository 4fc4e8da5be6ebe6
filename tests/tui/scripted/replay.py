"""A scripted recording."""

from __future__ import annotations

from datetime import timedelta

from tests.tui.scripted.base import ScriptedVerbs


class ScriptedReplay(ScriptedVerbs):
    """Remembers how one went through it."""

    async def toggle_replay(self) -> None:
        self._ask("toggle_replay")

    async def change_replay_speed(self, steps: int) -> None:
        self._ask("change_replay_speed", steps)

    async def jump_replay(self, by: timedelta) -> None:
        self._ask("jump_replay", by)

    async def seek_replay(self, place: str) -> None:
        self._ask("seek_replay", place)
