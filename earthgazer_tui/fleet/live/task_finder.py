"""Where a task can be found without a flight recorder: events, results, queues and workers; blocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from earthgazer_core.errors import EarthGazerError
from earthgazer_core.operations.arguments import Arguments, Sources, find_arguments
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.queues.lever_broker import LeverBroker
from earthgazer_core.operations.stored_result import StoredResult, read_result
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.known_task import Known, Told
from earthgazer_tui.fleet.live.observations import Observations
from earthgazer_tui.fleet.live.records import TERMINAL
from earthgazer_tui.fleet.live.remembered import Remembered
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.live.snapshot import task_row
from earthgazer_tui.fleet.live.tasks import timeline_of

_AGAIN_S = 4.0
"""For how long what was found of a task is shown before it is looked for again."""
_MOST_FOUND = 200


class TaskFinder:
    """Looks a task up wherever something may be known of it."""

    def __init__(
        self,
        services: Services,
        state: EventsState,
        seen: Observations,
        mailbox: Callable[[], Mailbox],
        living: Callable[[], tuple[str, ...]],
    ) -> None:
        self._services = services
        self._state = state
        self._seen = seen
        self._mailbox = mailbox
        self._living = living
        self._memory = Remembered()
        self._broker: LeverBroker | None = None
        self._found: dict[str, tuple[float, Known]] = {}

    def close(self) -> None:
        """Let go of the broker."""
        if self._broker is not None:
            self._broker.close()

    def remember(self) -> None:
        """Look at messages that are about to run, so that a later failure has their arguments."""
        if self._seen.queues is not None and (broker := self.lever_broker()) is not None:
            self._memory.look(broker, self._seen.queues.queues)

    def find(self, task_id: str, *, is_fresh: bool = False) -> Known:
        """Return what is known of a task; what was found a moment ago, unless that has to be fresh."""
        at, before = self._found.get(task_id, (float("-inf"), None))
        told = self._told(task_id)
        if before is not None and not is_fresh and time.monotonic() - at < _AGAIN_S:
            return replace(before, told=told)
        result = self._result(task_id)
        state = result.status if result is not None else told.row.state if told is not None else ""
        seen = self._memory.find(task_id)
        if seen is not None and not is_fresh:
            arguments = seen
        else:
            arguments = self._look(task_id, told, is_everywhere=is_fresh or state not in TERMINAL)
            if seen is not None and not arguments.is_live:
                arguments = seen
        known = Known(task_id, told, result, arguments, self._only_queue(told))
        if len(self._found) >= _MOST_FOUND:
            self._found.clear()
        self._found[task_id] = (time.monotonic(), known)
        return known

    def forget(self, task_id: str) -> None:
        """Have the next look at a task be a fresh one."""
        self._found.pop(task_id, None)

    def lever_broker(self) -> LeverBroker | None:
        """Return where queues are read; None where the broker does not let messages be looked at."""
        # RabbitMQ can't be searched without taking messages out of their queues.
        if self._broker is None and self._services.is_redis:
            self._broker = self._services.queue_broker()
        return self._broker

    def _look(self, task_id: str, told: Told | None, *, is_everywhere: bool) -> Arguments:
        told_texts = None
        if told is not None and (told.args or told.kwargs) and told.is_as_told:
            told_texts = (told.args, told.kwargs)
        living = self._living()
        return find_arguments(
            task_id,
            Sources(
                broker=self.lever_broker() if is_everywhere else None,
                mailbox=self._mailbox() if is_everywhere and living else None,
                expected=living,
                app=self._services.app,
                told=told_texts,
            ),
        )

    def _told(self, task_id: str) -> Told | None:
        with self._state.lock:
            task = self._state.find(task_id)
            if task is None:
                return None
            return Told(
                row=task_row(task, self._seen), args=task.args, kwargs=task.kwargs,
                is_as_told=task.is_as_told, result=task.result,
                traceback=task.traceback, parent_id=task.parent_id, root_id=task.root_id,
                timeline=tuple(timeline_of(task)),
            )  # fmt: skip

    def _result(self, task_id: str) -> StoredResult | None:
        if self._services.app is None:
            return None
        try:
            return read_result(self._services.app, task_id)
        except (EarthGazerError, ImportError):
            # What events told is shown without it; a backend whose library isn't here can't be read.
            return None

    def _only_queue(self, told: Told | None) -> str | None:
        report = self._seen.reports.get(told.row.worker or "") if told is not None else None
        queues = () if report is None else report.report.queues
        return queues[0] if len(queues) == 1 else None
