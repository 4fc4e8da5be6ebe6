"""What is asked about workers now and then: their settings, and what operators did to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from earthgazer_core.operations.controls.changes import Deed, recorded_deeds
from earthgazer_core.operations.controls.facts import masked
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_tui.fleet.live.observations import Observations
from earthgazer_tui.fleet.live.reader import Reader

_TIMEOUT_S = 1.0
_ROOM = timedelta(minutes=1)


class WorkerWatch:
    """Knows what to ask; blocks."""

    def __init__(self, seen: Observations, box: Callable[[], Mailbox]) -> None:
        self._seen = seen
        self._box = box

    def ask_settings(self) -> None:
        """Ask new workers for their settings, which stay as they are until a worker starts anew."""
        seen = self._seen
        wanted = {
            kept.report.hostname: (shown, kept.report.pid)
            for shown, kept in seen.reports.items()
            if shown not in seen.settings or seen.settings[shown][0] != kept.report.pid
        }
        if not wanted:
            return
        answers = self._box().ask("conf", destination=list(wanted), timeout_s=_TIMEOUT_S).answers
        told = {
            wanted[answer.worker][0]: (wanted[answer.worker][1], masked("", answer.value))
            for answer in answers
            if answer.worker in wanted and answer.is_ok and isinstance(answer.value, dict)
        }
        seen.settings = {**seen.settings, **told}

    def recorded(self, reader: Reader) -> tuple[Deed, ...]:
        """Return what the audit knows of since the oldest worker started."""
        ages = [kept.report.uptime_s or 0.0 for kept in self._seen.reports.values()]
        if not ages:
            return ()
        return reader.read(recorded_deeds, datetime.now(UTC) - timedelta(seconds=max(ages)) - _ROOM)
