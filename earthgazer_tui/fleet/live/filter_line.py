"""The filter line of lists of tasks: the core's language, its errors as ours, on what events told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any

from earthgazer_core.operations.filter import Filter, matcher, parse
from earthgazer_core.operations.filter import FilterError as CoreFilterError
from earthgazer_tui.fleet.errors import FilterError
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.clock import moment
from earthgazer_tui.fleet.live.records import TaskRecord
from earthgazer_tui.fleet.live.snapshot import split_error


def read_filter(line: str) -> Filter:
    """Return what a filter line says.

    Raises:
        FilterError: it says nothing that could be understood; knows the place.
    """
    try:
        return parse(line)
    except CoreFilterError as error:
        raise FilterError(sanitise.line(error.reason), error.line, error.position) from None


def event_fields(task: TaskRecord) -> dict[str, Any]:
    """Return what is known from events of a task, by the names that a filter looks for."""
    known = ((name, read(task)) for name, read in _TOLD.items())
    return {name: value for name, value in known if value is not None}


def told_matcher(filter_: Filter, now: datetime | None = None) -> Callable[[TaskRecord], bool]:
    """Return a function that says whether a task matches by what events told.

    Of each task it works out what the filter asks for and nothing else: there may be tens of thousands.
    """
    return matcher(filter_, now, reader=_told)


def _told(name: str) -> Callable[[TaskRecord], Any]:
    return _TOLD.get(name, lambda task: None)


_TOLD: dict[str, Callable[[TaskRecord], Any]] = {
    **{
        name: attrgetter(name)
        for name in ("task_id", "name", "state", "queue", "worker", "runtime_s", "retries")
    },
    "args_repr": attrgetter("args"),
    "kwargs_repr": attrgetter("kwargs"),
    "at": lambda task: moment(task.at),
    "sent_at": lambda task: moment(task.sent_at),
    "started_at": lambda task: moment(task.started_at),
    "finished_at": lambda task: moment(task.finished_at),
    "error_type": lambda task: split_error(task.error)[0],
    "error_message": lambda task: split_error(task.error)[1],
    "attempt": lambda task: 1,
}
