"""What ran over a span of time, and who did what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from earthgazer_tui.fleet.live import history
from earthgazer_tui.fleet.live.verbs.base import COUNT_S, LiveVerbs
from earthgazer_tui.fleet.models import History, OperatorAction


class LiveHistory(LiveVerbs):
    """What ran over a span of time, and who did what."""

    async def history(self, span: timedelta, by: str = "task") -> History:
        """Return what ended within the span before now, counted by ``task`` or by ``queue``."""
        reader = self._open_session().reader
        return await self._runner.run(COUNT_S, partial(reader.read, history.read_history, span, by))

    async def actions(self, text: str = "", limit: int = 500) -> Sequence[OperatorAction]:
        """Return what operators did, newest first."""
        return await self._read(history.list_actions, text, limit)
