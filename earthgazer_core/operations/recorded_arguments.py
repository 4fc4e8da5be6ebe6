"""The whole arguments of a recorded task, to be shown and changed."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from earthgazer_core.db.tables import TaskExecutionRow, TaskMessageRow
from earthgazer_core.errors import NotFoundError, RefusedError
from earthgazer_core.recorder.message import parse_json_body


def recorded_arguments(session: Session, task_id: str) -> tuple[list[Any], dict[str, Any]]:
    """Return (args, kwargs) of the recorded message; a text that may be cut is never taken for them.

    Raises:
        NotFoundError: the task was never recorded.
        RefusedError: its message was not kept, is no JSON, or holds values that nobody is shown.
    """
    row, message = session.get(TaskExecutionRow, task_id), session.get(TaskMessageRow, task_id)
    if row is None:
        raise NotFoundError(f"no task {task_id} was recorded")
    if message is None:
        raise RefusedError("its message was not recorded, so its arguments are not known for certain")
    if row.is_redacted or message.is_sealed:
        raise RefusedError("its arguments are hidden, so they can't be shown to be changed")
    body = parse_json_body(message.content_type, message.content_encoding, message.body)
    if body is None:
        raise RefusedError(f"its message is {message.content_type}: arguments can be changed in JSON alone")
    return list(body[0]), dict(body[1])
