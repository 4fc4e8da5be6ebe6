"""What ran over a span of time, and who did what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from earthgazer_tui.fleet.live.verbs.base import COUNT_S, READ_S, LiveVerbs
from earthgazer_tui.fleet.models import History, OperatorAction


class LiveHistory(LiveVerbs):
    """What ran over a span of time, and who did what."""

    async def history(self, span: timedelta, by: str = "task", *, with_times: bool = False) -> History:
        """Return what ended within the span before now, counted by ``task`` or by ``queue``."""
        from earthgazer_core.operations.history import STATEMENT_TIMEOUT_S
        from earthgazer_tui.fleet.live import history

        reader = self._open_session().reader.with_patience(STATEMENT_TIMEOUT_S + 1.0)
        count = partial(reader.read, history.read_history, span, by, with_times)
        return await self._runner.run(COUNT_S, count)

    async def actions(self, text: str = "", limit: int = 500) -> Sequence[OperatorAction]:
        """Return what operators did, newest first."""
        from earthgazer_tui.fleet.live import history

        local = self._open_session().audit.local
        if local is not None:
            return await self._runner.run(READ_S, history.local_actions, local, text, limit)
        return await self._read(history.list_actions, text, limit)
