"""A message of a resumed run under its new id, and the sending of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celery import Celery
from sqlalchemy import select

from earthgazer_core.db.session import Database, now
from earthgazer_core.db.tables import TaskExecutionRow, TaskStateChangeRow
from earthgazer_core.errors import RefusedError, ServiceUnavailableError, UnsureError
from earthgazer_core.operations.republish import publish
from earthgazer_core.operations.resume_outcome import ResumedStep
from earthgazer_core.operations.resume_plan import ANEW
from earthgazer_core.recorder.order import generation_of, state_order


@dataclass(frozen=True, slots=True)
class ResumeMessage:
    """A message under its new id, ready to go."""

    old_id: str
    """Id of its step in the run that was cancelled."""
    row: TaskExecutionRow
    """Its execution, written down already."""
    headers: dict[str, Any]
    """Its headers."""
    properties: dict[str, Any]
    """Its properties."""
    content: tuple[str, str, bytes]
    """Content type, encoding and body."""


def send_resumed(
    app: Celery, database: Database, messages: Sequence[ResumeMessage]
) -> tuple[ResumedStep, ...]:
    """Publish what was written down; what could not be is a failure that a retry sends.

    Raises:
        RefusedError: the broker refuses one; the message says what was published.
        ServiceUnavailableError: the broker is away; likewise.
        UnsureError: likewise, and of one message nobody knows.
    """
    sent: list[ResumedStep] = []
    for number, anew in enumerate(messages):
        queue = anew.row.queue or anew.row.routing_key
        try:
            publish(app, anew.headers, anew.properties, anew.content, queue)
        except (RefusedError, ServiceUnavailableError) as error:
            # One that may be on its way is no failure: a retry would send it twice.
            first = number + 1 if isinstance(error, UnsureError) else number
            rest = [one.row.task_id for one in messages[first:]]
            is_unsure = isinstance(error, UnsureError)
            _note_unsent(database, rest, "the broker was silent before its turn" if is_unsure else str(error))
            others = f"; {len(rest)} are failures of that run: resume it" if rest else ""
            raise type(error)(
                f"{len(sent)} of {len(messages)} sent to run {anew.row.run_id}: {error}{others}"
            ) from error
        sent.append(ResumedStep(anew.old_id, anew.row.name, queue, ANEW, anew.row.task_id))
    return tuple(sent)


def renamed_execution(row: TaskExecutionRow, headers: Mapping[str, Any], at: datetime) -> TaskExecutionRow:
    """Return the execution that goes on for another, under the id of these headers."""
    return TaskExecutionRow(
        task_id=headers["id"], name=row.name, state="PENDING", attempt=1,
        state_order=state_order(generation_of(headers), "PENDING", is_published=True),
        queue=row.queue, exchange=row.exchange, routing_key=row.routing_key, priority=row.priority,
        sent_at=at, updated_at=at, copy_of=row.task_id, parent_id=headers.get("parent_id"),
        root_id=headers.get("root_id"), group_id=headers.get("group"),
        group_index=headers.get("group_index"), run_id=headers["run_id"], capture_id=row.capture_id,
        is_redacted=row.is_redacted, args_repr=row.args_repr, kwargs_repr=row.kwargs_repr,
    )  # fmt: skip


def _note_unsent(database: Database, task_ids: list[str], reason: str) -> None:
    with database.session() as session:
        at = now(session)
        for row in session.scalars(
            select(TaskExecutionRow).where(TaskExecutionRow.task_id.in_(task_ids)).with_for_update()
        ):
            row.state, row.error_type, row.error_message = "FAILURE", "NotPublished", reason
            row.finished_at = row.updated_at = at
            error = {"error_type": row.error_type, "error_message": reason}
            session.add(
                TaskStateChangeRow(
                    task_id=row.task_id,
                    state="FAILURE",
                    at=at,
                    worker=None,
                    attempt=row.attempt,
                    detail=error,
                )
            )
