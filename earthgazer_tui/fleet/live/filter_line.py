"""The filter line of lists of tasks: the core's language, its errors as ours, on what events told."""

from __future__ import annotations

from typing import Any

from earthgazer_core.operations.filter import Filter, parse
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
    error_type, error_message = split_error(task.error)
    known = {
        "task_id": task.task_id, "name": task.name, "state": task.state, "at": moment(task.at),
        "queue": task.queue, "worker": task.worker, "sent_at": moment(task.sent_at),
        "started_at": moment(task.started_at), "finished_at": moment(task.finished_at),
        "runtime_s": task.runtime_s, "retries": task.retries, "attempt": 1, "error_type": error_type,
        "error_message": error_message, "args_repr": task.args, "kwargs_repr": task.kwargs,
    }  # fmt: skip
    return {name: value for name, value in known.items() if value is not None}
