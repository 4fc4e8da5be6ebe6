"""Writing down that a message is out again; what was recorded of earlier attempts stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import (
    ChordRow,
    TaskExecutionRow,
    TaskMessageRow,
    TaskStateChangeRow,
    WorkflowStepRow,
)
from earthgazer_core.operations import audit
from earthgazer_core.operations.retry_case import Case
from earthgazer_core.recorder.message import Seal
from earthgazer_core.recorder.order import BLOCKED_ORDER, FAILED, generation_of, state_order


def remember(
    session: Session,
    case: Case,
    headers: dict[str, Any],
    properties: dict[str, Any],
    content: tuple[str, str, bytes],
    seal: Seal,
    at: datetime,
    new_id: str | None,
) -> None:
    """Write down that the message of a case is out again, under its own id or as a copy."""
    row, message = case.row, case.message
    if message is None:
        return
    content_type, content_encoding, payload = content
    task_id = new_id or row.task_id
    order = state_order(generation_of(headers), "PENDING", is_published=True)
    kept = {
        "headers": headers,
        "properties": properties,
        "content_type": content_type,
        "content_encoding": content_encoding,
        "body": seal.close(payload) if message.is_sealed else payload,
        "is_sealed": message.is_sealed,
        "published_at": at,
    }
    who, _ = audit.who()
    _archive(session, row, at)
    if new_id:
        session.add(TaskMessageRow(task_id=new_id, **kept))
        session.add(_copied(row, headers, order, at))
        row.dismissed_at = at
        _move_step(session, row.task_id, new_id)
        _rename_in_layouts(session, case, new_id)
    else:
        for name, value in kept.items():
            setattr(message, name, value)
        _begin_anew(row, headers, order, at)
    session.add(
        TaskStateChangeRow(
            task_id=task_id, state="PENDING", at=at, worker=None, attempt=headers["attempt"],
            detail={"retried_by": who, **({"copy_of": row.task_id} if new_id else {})},
        )
    )  # fmt: skip
    for repair in case.repairs:
        for added in repair.added:
            _drop_step(session, added)
    _unblock(session, case)


def forget_blocked(session: Session, task_ids: Sequence[str]) -> None:
    """Take away the failures of tasks that never ran; they have a future again."""
    session.execute(
        delete(TaskExecutionRow).where(
            TaskExecutionRow.task_id.in_(task_ids), TaskExecutionRow.state_order <= BLOCKED_ORDER
        )
    )


def _archive(session: Session, row: TaskExecutionRow, at: datetime) -> None:
    """Keep the failure in the timeline before it is overwritten, where it isn't there already."""
    change = TaskStateChangeRow
    is_kept = session.scalar(
        select(change.id)
        .where(change.task_id == row.task_id, change.state == row.state, change.attempt == row.attempt)
        .limit(1)
    )
    if is_kept is None:
        error = {
            "error_type": row.error_type,
            "error_message": row.error_message,
            "traceback": row.traceback,
        }
        session.add(
            change(
                task_id=row.task_id, state=row.state, at=row.finished_at or row.updated_at or at,
                worker=row.worker, attempt=row.attempt, detail=error,
            )
        )  # fmt: skip


def _unblock(session: Session, case: Case) -> None:
    """Free the bodies that this failure blocked, or leave them to another that still blocks them."""
    blocked = TaskExecutionRow.blocked_by == case.row.task_id, TaskExecutionRow.state_order <= BLOCKED_ORDER
    others = [
        member.task_id
        for repair in case.repairs
        for member in repair.record.unfinished()
        if member.state in FAILED and member.task_id != case.row.task_id
    ]
    other = session.scalar(
        select(TaskExecutionRow)
        .where(TaskExecutionRow.task_id.in_(others), TaskExecutionRow.blocked_by.is_(None))
        .limit(1)
    )
    if other is None:
        session.execute(delete(TaskExecutionRow).where(*blocked))
        return
    told = {"blocked_by": other.task_id, "error_message": f"blocked by {other.name} {other.task_id}"}
    session.execute(update(TaskExecutionRow).where(*blocked).values(**told))


def _begin_anew(row: TaskExecutionRow, headers: Mapping[str, Any], order: int, at: datetime) -> None:
    row.state, row.state_order, row.attempt, row.retries = "PENDING", order, headers["attempt"], 0
    row.sent_at = row.updated_at = at
    row.worker = row.pid = row.received_at = row.started_at = row.finished_at = row.runtime_s = None
    row.error_type = row.error_message = row.traceback = row.percent = row.stage = row.dismissed_at = None
    row.eta = row.expires = None


def _copied(row: TaskExecutionRow, headers: Mapping[str, Any], order: int, at: datetime) -> TaskExecutionRow:
    return TaskExecutionRow(
        task_id=headers["id"], name=row.name, state="PENDING", state_order=order, attempt=1, queue=row.queue,
        exchange=row.exchange, routing_key=row.routing_key, priority=row.priority, sent_at=at, updated_at=at,
        copy_of=row.task_id, parent_id=row.parent_id, root_id=headers.get("root_id"), group_id=row.group_id,
        group_index=row.group_index, run_id=row.run_id, capture_id=row.capture_id,
        is_redacted=row.is_redacted, args_repr=headers.get("argsrepr"), kwargs_repr=headers.get("kwargsrepr"),
    )  # fmt: skip


def _move_step(session: Session, old_id: str, new_id: str) -> None:
    """Let the run go on with the copy where the original stood."""
    session.execute(update(WorkflowStepRow).where(WorkflowStepRow.task_id == old_id).values(task_id=new_id))
    followers = session.scalars(select(WorkflowStepRow).where(WorkflowStepRow.after.contains([old_id])))
    for step in followers:
        step.after = [new_id if task_id == old_id else task_id for task_id in step.after]


def _drop_step(session: Session, task_id: str) -> None:
    """Take out of a run what a run of a task that counts no more had added to it."""
    session.execute(delete(WorkflowStepRow).where(WorkflowStepRow.task_id == task_id))
    for step in session.scalars(select(WorkflowStepRow).where(WorkflowStepRow.after.contains([task_id]))):
        step.after = [before for before in step.after if before != task_id]
        step.chord_size = None if step.chord_size is None else len(step.after)


def _rename_in_layouts(session: Session, case: Case, new_id: str) -> None:
    for repair in case.repairs:
        chord = session.get(ChordRow, repair.record.group_id)
        if chord is not None and chord.layout is not None:
            chord.layout = chord.layout.replace(case.row.task_id.encode(), new_id.encode())
