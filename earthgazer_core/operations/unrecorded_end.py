"""Ends that the result backend knows and the record does not, because a killed process took them along."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from celery import Celery
from celery.app.task import Context
from celery.states import READY_STATES

from earthgazer_core.db.session import Database, now
from earthgazer_core.db.tables import TaskExecutionRow, TaskMessageRow
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.stored_result import StoredResult, read_result
from earthgazer_core.recorder import store
from earthgazer_core.recorder.batch import Batch, Record, Row
from earthgazer_core.recorder.chords import ChordRecorder
from earthgazer_core.recorder.describe import change_row
from earthgazer_core.recorder.install import recorders
from earthgazer_core.recorder.message import Seal, parse_json_body
from earthgazer_core.recorder.order import state_order
from earthgazer_core.recorder.reconcile import LostTask
from earthgazer_core.recorder.redaction import Redactor
from earthgazer_core.recorder.results import kept_result
from earthgazer_core.settings import RecorderSettings

_HIDDEN = "what it said is not known here, because its arguments are hidden"


def known_end(app: Celery, task: LostTask) -> StoredResult | None:
    """Return how a task ended by the result backend; None where that knows no end of its newest attempt.

    Raises:
        ServiceUnavailableError: the result backend is away.
    """
    stored = read_result(app, task.task_id)
    if stored is None or stored.status not in READY_STATES:
        return None
    is_earlier = stored.done_at is not None and task.sent_at is not None and stored.done_at < task.sent_at
    # A success is final; a failure may be that of the attempt before an operator's retry. Clocks that
    # differ can mislead here, but only into running a failed task once more.
    return None if is_earlier and stored.status != "SUCCESS" else stored


def record_end(database: Database, app: Celery, seal: Seal, task: LostTask, end: StoredResult) -> bool:
    """Write down how a task ended, and what it gave to its chord; return False if it has moved on meanwhile.

    Raises:
        ServiceUnavailableError: the database is away.
    """
    with database.session() as session:
        # The message first, as the recorder does: two that lock in the same order never block each other.
        message = session.get(TaskMessageRow, task.task_id, with_for_update=True)
        row = session.get(TaskExecutionRow, task.task_id, with_for_update=True)
        if row is None or message is None or (row.state, row.updated_at) != (task.state, task.silent_since):
            return False
        # The clock of whoever ended it may be off.
        moment = now(session)
        at = min(max(end.done_at or moment, row.sent_at or row.updated_at), moment)
        told = _told(app, end, is_hidden=message.is_sealed or row.is_redacted)
        batch = Batch()
        batch.add(
            "executions",
            {
                "task_id": row.task_id, "name": row.name, "state": end.status,
                "state_order": state_order(row.state_order // 10, end.status), "retries": row.retries,
                "attempt": row.attempt, "worker": end.worker, "finished_at": at,
                "updated_at": moment, **told,
            },
        )  # fmt: skip
        headers = {"id": row.task_id, "attempt": row.attempt}
        detail = {"from": "result backend", **{name: text for name, text in told.items() if name != "result"}}
        batch.add("changes", change_row(headers, end.status, at, end.worker, detail))
        if end.status == "SUCCESS":
            for table, part in _part(app, seal, message, end, at):
                batch.add(table, part)
        connection: Any = session.connection().connection.driver_connection
        store.write(connection, batch)
    return True


def _told(app: Celery, end: StoredResult, *, is_hidden: bool) -> Row:
    redactor = next(
        (recorder.redactor for recorder in recorders(app)), Redactor(app, RecorderSettings().redact)
    )
    if end.status == "SUCCESS":
        return {} if is_hidden else {"result": kept_result(redactor.mask_value(end.result))}
    if is_hidden:
        return {"error_type": end.error_type, "error_message": _HIDDEN}
    return {
        "error_type": end.error_type or end.status.lower(),
        "error_message": redactor.mask_text(end.error_message or ""),
        "traceback": redactor.mask_text(end.traceback) or None,
    }


def _part(app: Celery, seal: Seal, message: TaskMessageRow, end: StoredResult, at: datetime) -> list[Record]:
    try:
        body = seal.open(message.body) if message.is_sealed else message.body
    except RefusedError:
        return []
    parsed = parse_json_body(message.content_type, message.content_encoding, body)
    chord = parsed[2].get("chord") if parsed else None
    request = Context({**message.headers, "chord": chord})
    return ChordRecorder(app, seal).part(request, end.result, at, must_seal=message.is_sealed)
