"""A chord's body that was never published: whether it can be now, from what the header's members gave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from celery import Celery
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import TaskExecutionRow, TaskMessageRow, WorkflowStepRow
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.chord import ChordKeys, Repair
from earthgazer_core.operations.chord_places import places
from earthgazer_core.operations.chord_record import ChordRecord, chord_record
from earthgazer_core.operations.retry_case import is_cancelled
from earthgazer_core.operations.retry_offer import IN_PLACE, REFUSED, RetryOffer
from earthgazer_core.recorder.graph import first_steps
from earthgazer_core.recorder.message import Seal, parse_json_body
from earthgazer_core.recorder.order import FAILED, REPLACED


@dataclass(frozen=True, slots=True)
class BodyCase:
    """A task that waits for a chord's header to be complete."""

    task_id: str
    name: str
    run_id: str | None
    header: Mapping[str, Any]
    """Message headers of one of its chord's members."""
    signature: Mapping[str, Any]
    """The whole body; ``task_id`` is one of the tasks that it begins with."""
    record: ChordRecord | None
    offer: RetryOffer

    @property
    def first_ids(self) -> list[str]:
        """Ids of the tasks that the body begins with."""
        return [task_id for task_id, _ in first_steps(self.signature)]


def judge_body(
    session: Session, seal: Seal, app: Celery, keys: ChordKeys, task_id: str, *, is_locked: bool = False
) -> BodyCase | None:
    """Return whether a task that never ran can be published from its chord's recorded results.

    Args:
        session: Database session.
        seal: What opens stored messages.
        app: The fleet's app, or one with the same broker that may know none of its tasks.
        keys: The chords' keys.
        task_id: The task.
        is_locked: Let nobody else judge this chord's body until the session ends.

    Returns:
        None where the task is the beginning of no chord's body that the record knows.

    Raises:
        ServiceUnavailableError: the result backend is away.
    """
    row = session.get(TaskExecutionRow, task_id)
    steps = session.scalars(select(WorkflowStepRow).where(WorkflowStepRow.task_id == task_id)).all()
    candidates = [row.blocked_by] if row is not None and row.blocked_by else []
    candidates += [before for step in steps for before in step.after]
    for found in _places(session, seal, candidates):
        message, place = found
        if task_id not in [first for first, _ in first_steps(place.body)]:
            continue
        if is_locked:
            session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(place.group_id, 0))))
        case = BodyCase(
            task_id=task_id,
            name=row.name if row is not None else steps[0].name,
            run_id=message.headers.get("run_id"),
            header=message.headers,
            signature=place.body,
            record=None,
            offer=RetryOffer(REFUSED, "", row.name if row is not None else steps[0].name, None),
        )
        queue = _queue(session, app, case, message.task_id)
        case = replace(case, offer=replace(case.offer, queue=queue))
        try:
            return _judged(session, seal, keys, case, place.group_id)
        except RefusedError as error:
            return replace(case, offer=replace(case.offer, reason=str(error)))
    return None


def _places(session: Session, seal: Seal, task_ids: list[str]) -> Iterator[tuple[TaskMessageRow, Any]]:
    for task_id in dict.fromkeys(task_ids):
        message = session.get(TaskMessageRow, task_id)
        if message is None:
            continue
        try:
            raw = seal.open(message.body) if message.is_sealed else message.body
        except RefusedError:
            # Another member of the header may have nothing to hide.
            continue
        body = parse_json_body(message.content_type, message.content_encoding, raw)
        for place in places(message.headers, body[2] if body else {}):
            yield message, place


def _queue(session: Session, app: Celery, case: BodyCase, header_id: str) -> str | None:
    """Return the queue of a body whose route this app does not know; None where it does.

    Only its workers know where a fleet sends a task that never ran. So it goes where the task went
    before, or else where its header did.
    """
    if (case.signature.get("options") or {}).get("queue") or case.name in app.tasks or app.conf.task_routes:
        return None
    execution = TaskExecutionRow
    before = session.scalar(
        select(execution.queue)
        .where(execution.name == case.name, execution.queue.is_not(None))
        .order_by(execution.sent_at.desc())
        .limit(1)
    )
    header = session.get(TaskExecutionRow, header_id)
    return before or (header.queue if header is not None else None)


def _judged(session: Session, seal: Seal, keys: ChordKeys, case: BodyCase, group_id: str) -> BodyCase:
    record = chord_record(session, seal, group_id, case.signature)
    row = session.get(TaskExecutionRow, case.task_id)
    blocker = session.get(TaskExecutionRow, row.blocked_by) if row is not None and row.blocked_by else None
    waiting = record.unfinished()
    failed = [member.task_id for member in waiting if member.state in FAILED]
    if not failed and blocker is not None and blocker.state in FAILED:
        failed = [blocker.task_id]
    if failed:
        raise RefusedError(
            f"it never ran: it is blocked by {', '.join(_causes(session, failed))}."
            " Retry that one, and the chord goes on"
        )
    if waiting:
        first = waiting[0]
        cause = _causes(session, [first.task_id])[0]
        if cause != first.task_id:
            raise RefusedError(
                f"it never ran: it is blocked by {cause}. Retry that one, and the chord goes on"
            )
        raise RefusedError(
            f"it waits for {first.task_id}, which is {first.state or 'not published yet'},"
            f" and {len(waiting) - 1} others"
            if len(waiting) > 1
            else f"it waits for {first.task_id}, which is {first.state or 'not published yet'}"
        )
    if record.total is None or len(record.members) < record.total:
        known = f"{len(record.members)} of {record.total or 'an unknown number of'}"
        raise RefusedError(f"the record knows {known} members of its chord's header")
    if is_cancelled(session, case.run_id):
        raise RefusedError("its run was cancelled: start the workflow again")
    reason = keys.refusal(Repair(record))
    if reason:
        raise RefusedError(reason)
    offer = replace(
        case.offer,
        mode=IN_PLACE,
        reason=f"all {record.total} members of its chord's header succeeded, and it was never published",
    )
    return replace(case, record=record, offer=offer)


def _causes(session: Session, task_ids: list[str]) -> list[str]:
    """Return for each task what blocks it: itself, or what a chain or a chord behind it failed of."""
    causes = []
    for task_id in task_ids:
        row = session.get(TaskExecutionRow, task_id)
        seen = {task_id}
        while row is not None and row.blocked_by and row.blocked_by not in seen:
            seen.add(row.blocked_by)
            row = session.get(TaskExecutionRow, row.blocked_by)
        if row is None or row.state == REPLACED:
            row = _failed_before(session, task_id)
        causes.append(row.task_id if row is not None else task_id)
    return causes


def _failed_before(session: Session, task_id: str) -> TaskExecutionRow | None:
    """Return the failed task that keeps an unpublished step from being reached."""
    pending, seen = [task_id], set[str]()
    while pending:
        current = pending.pop()
        seen.add(current)
        row = session.get(TaskExecutionRow, current)
        if row is not None and row.state in FAILED and row.blocked_by is None:
            return row
        steps = session.scalars(select(WorkflowStepRow).where(WorkflowStepRow.task_id == current))
        pending += [before for step in steps for before in step.after if before not in seen]
    return None
