"""What ran over a span of time, and who did what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from earthgazer_tui.fleet.models import History, OperatorAction


class HistoryVerbs(Protocol):
    """What ran over a span of time, and who did what."""

    async def history(self, span: timedelta, by: str = "task", *, with_times: bool = False) -> History:
        """Return what ended within the span before now, counted by ``task`` or by ``queue``.

        Run and wait times of each slot come only where they are asked for: they take long to count.
        """

    async def actions(self, text: str = "", limit: int = 500) -> Sequence[OperatorAction]:
        """Return what operators did, where the words of ``text`` are somewhere in it, newest first."""
