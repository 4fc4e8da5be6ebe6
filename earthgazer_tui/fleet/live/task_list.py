"""The stream of tasks: what was recorded, brought up to date by events; without a database events alone."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from typing import Any

from earthgazer_core.operations.executions import Execution
from earthgazer_core.operations.filter import Filter, matcher
from earthgazer_core.operations.search import search_executions
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.filter_line import event_fields, read_filter, told_matcher
from earthgazer_tui.fleet.live.observations import Observations
from earthgazer_tui.fleet.live.reader import Reader
from earthgazer_tui.fleet.live.snapshot import task_row
from earthgazer_tui.fleet.live.tasks import execution_row
from earthgazer_tui.fleet.models import TaskRow

_CHANGED = attrgetter("at")


def list_tasks(
    reader: Reader, state: EventsState, seen: Observations, text: str = "", limit: int = 500
) -> tuple[TaskRow, ...]:
    """Return tasks that match a filter line, newest change first; blocks.

    Raises:
        FilterError: the line can't be read.
        RefusedError: so much has to be searched that it takes too long.
    """
    filter_, now = read_filter(text), datetime.now(UTC)
    if reader.database is None:
        return _told_tasks(state, seen, filter_, now, limit)
    matches = matcher(filter_, now)
    # Events first: what ends between the two looks is then in the record.
    with state.lock:
        told = {task.task_id: (task_row(task, seen), event_fields(task)) for task in state.recent}
    found = reader.read(search_executions, filter_, limit=limit, now=now)
    rows = []
    for execution in found:
        row = execution_row(execution)
        told_row, fields = told.pop(row.task_id, (None, {}))
        if told_row is not None and told_row.at > row.at:
            row = _newer(row, told_row)
            if not matches({**_recorded_fields(execution), **fields}):
                continue
        rows.append(row)
    # Older ones are in the record, below what is shown of it.
    oldest = min((row.at for row in rows), default=None) if len(found) == limit else None
    rows += [row for row, fields in told.values() if (oldest is None or row.at >= oldest) and matches(fields)]
    return tuple(heapq.nlargest(limit, rows, key=lambda row: row.at))


def _told_tasks(
    state: EventsState, seen: Observations, filter_: Filter, now: datetime, limit: int
) -> tuple[TaskRow, ...]:
    """Return the newest tasks that match by what events told."""
    with state.lock:
        known = [*state.tasks.values(), *state.failures.values()]
    # Without the lock, or events would wait: a task that changes meanwhile is judged anew at the next look.
    # They are nearly in order: sorting all is quicker than picking the newest from a heap.
    known.sort(key=_CHANGED, reverse=True)
    newest = list(islice(filter(told_matcher(filter_, now), known), limit))
    with state.lock:
        return tuple(task_row(task, seen) for task in newest)


def _newer(recorded: TaskRow, told: TaskRow) -> TaskRow:
    """Return a recorded task as events, which are ahead of the record, tell it."""
    return replace(
        recorded,
        state=told.state,
        worker=told.worker or recorded.worker,
        queue=told.queue or recorded.queue,
        at=told.at,
        runtime_s=told.runtime_s,
        retries=max(told.retries, recorded.retries),
        error_type=told.error_type,
        error_message=told.error_message,
    )


def _recorded_fields(execution: Execution) -> Mapping[str, Any]:
    names: Iterable[str] = Execution.__dataclass_fields__
    return {name: getattr(execution, name) for name in names}
