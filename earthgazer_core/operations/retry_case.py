"""What a retry of one task would have to deal with, by the record and by its chords' keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import (
    TaskExecutionRow,
    TaskMessageRow,
    TaskStateChangeRow,
    WorkflowRunRow,
    WorkflowStepRow,
)
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.chord import ChordKeys, Repair
from earthgazer_core.operations.chord_places import Place, places
from earthgazer_core.operations.chord_record import ChordRecord, chord_record
from earthgazer_core.operations.retry_offer import COPY, IN_PLACE, REFUSED, RetryOffer
from earthgazer_core.recorder.graph import last_ids
from earthgazer_core.recorder.message import Body, Seal, parse_json_body
from earthgazer_core.recorder.order import FAILED, UNFINISHED


@dataclass(frozen=True, slots=True)
class Case:
    """A task and what a retry of it would have to deal with."""

    row: TaskExecutionRow
    message: TaskMessageRow | None
    body: Body | None
    """The parts of the message where it is JSON and could be read."""
    repairs: tuple[Repair, ...]
    """What has to happen to chords that wait for it."""
    is_run_cancelled: bool
    offer: RetryOffer
    revoked: frozenset[str] = frozenset()
    """Ids of tasks that come after it, which Celery revoked when it failed."""


def judge(
    session: Session, seal: Seal, keys: ChordKeys, row: TaskExecutionRow, message: TaskMessageRow | None
) -> Case:
    """Return whether and how a task that was published can be retried.

    Raises:
        ServiceUnavailableError: the result backend is away.
    """
    case = Case(
        row=row,
        message=message,
        body=None,
        repairs=(),
        is_run_cancelled=is_cancelled(session, row.run_id),
        offer=RetryOffer(REFUSED, "", row.name, row.queue or row.routing_key),
    )
    try:
        return _judged(session, seal, keys, case)
    except RefusedError as error:
        return replace(case, offer=replace(case.offer, reason=str(error)))


def is_cancelled(session: Session, run_id: str | None) -> bool:
    """Return whether the run of this id was cancelled."""
    run = session.get(WorkflowRunRow, run_id) if run_id else None
    return run is not None and run.cancelled_at is not None


def _judged(session: Session, seal: Seal, keys: ChordKeys, case: Case) -> Case:
    row, message = case.row, case.message
    if row.state not in FAILED:
        raise RefusedError(_not_failed(row))
    if message is None:
        raise RefusedError("its message was not recorded, so its arguments are not known for certain")
    raw = seal.open(message.body) if message.is_sealed else message.body
    body = parse_json_body(message.content_type, message.content_encoding, raw)
    if body is None:
        _refuse_hidden_places(session, row, message.content_type)
    embed = body[2] if body else {}
    later = len(embed.get("chain") or ())
    is_poisoned = case.is_run_cancelled or row.state == "REVOKED" or _was_revoked(session, row.task_id)
    waiting = places(message.headers, embed)
    repairs = tuple(
        _repair(session, row, place, chord_record(session, seal, place.group_id, place.body))
        for place in waiting
    )
    for repair in repairs:
        reason = keys.refusal(repair)
        if reason:
            raise RefusedError(reason)
    if case.is_run_cancelled and (later or repairs):
        raise RefusedError(
            "its run was cancelled, and workers discard its later steps: start the workflow again"
        )
    comes_with = [f"chain goes on: {later} step{'s' * (later > 1)}"] if later else []
    comes_with += ["its chord waits for it"] if repairs else []
    dropped = sum(len(repair.added) for repair in repairs)
    comes_with += [f"{dropped} members that it had added to the chord are taken out"] if dropped else []
    if is_poisoned:
        comes_with.insert(0, "a new id, because workers discard the revoked one")
    offer = replace(
        case.offer,
        mode=COPY if is_poisoned else IN_PLACE,
        reason="; ".join(comes_with) or "the recorded message, unchanged",
    )
    revoked = frozenset(one for place in waiting for one in revoked_with(place.body))
    return replace(case, body=body, repairs=repairs, offer=offer, revoked=revoked)


def revoked_with(body: Mapping[str, Any]) -> list[str]:
    """Return the ids of a chord's body that Celery revokes when the header fails."""
    return last_ids(body) if body.get("subtask_type") == "group" else []


def _not_failed(row: TaskExecutionRow) -> str:
    if row.state not in UNFINISHED:
        return f"it is {row.state}: only a task that failed or was revoked can be retried"
    return (
        f"it is {row.state}: only a task that failed or was revoked can be retried; if its worker died, its"
        " message comes back after the visibility timeout, or by reconciling where it is nowhere"
    )


def whereabouts(row: TaskExecutionRow, broker: RedisBroker) -> str:
    """Return where the message of an unfinished task is, and what would bring it back.

    Raises:
        ServiceUnavailableError: the broker is away.
    """
    held = f" on {row.worker}" if row.worker and row.state != "PENDING" else ""
    is_state = f"it is {row.state}{held}"
    queues = broker.queue_names(also=[row.queue] if row.queue else ())
    message = broker.find(row.task_id, queues)
    if message is None:
        return (
            f"{is_state}, and its message is in no queue and unacknowledged by nobody: if that worker died,"
            " reconciling publishes it again"
        )
    if message.where == "queue":
        return f"{is_state}: its message waits in {message.queue}"
    return (
        f"{is_state}, which has not acknowledged its message: if it died, it comes back within"
        f" {broker.visibility_timeout_s:g} s"
    )


def _refuse_hidden_places(session: Session, row: TaskExecutionRow, content_type: str) -> None:
    """Refuse a message that can't be read where a chord may wait for it or for what follows it."""
    reason = f"its message is {content_type}, which is never decoded here, and "
    if row.group_id:
        raise RefusedError(f"{reason}it is in a group")
    steps = session.scalars(select(WorkflowStepRow).where(WorkflowStepRow.run_id == (row.run_id or ""))).all()
    reached = {row.task_id}
    while more := {step.task_id for step in steps if reached & set(step.after)} - reached:
        reached |= more
    groups = {step.group_id for step in steps if step.task_id in reached and step.group_id}
    if any(step.group_id in groups and step.task_id not in reached for step in steps):
        raise RefusedError(f"{reason}its chain ends in a group")


def _repair(session: Session, row: TaskExecutionRow, place: Place, record: ChordRecord) -> Repair:
    added = frozenset[str]()
    if place.is_own:
        mine = session.scalars(
            select(TaskExecutionRow).where(
                TaskExecutionRow.group_id == place.group_id, TaskExecutionRow.parent_id == row.task_id
            )
        ).all()
        known = {member.task_id for member in record.members}
        mine = [child for child in mine if child.task_id in known]
        for child in mine:
            if child.state in UNFINISHED:
                raise RefusedError(
                    f"{child.task_id}, which it had added to its chord, is {child.state}: try again later"
                )
        added = frozenset(child.task_id for child in mine)
    return Repair(record, frozenset(place.givers), added)


def _was_revoked(session: Session, task_id: str) -> bool:
    change = TaskStateChangeRow
    return bool(session.scalar(select(exists().where(change.task_id == task_id, change.state == "REVOKED"))))
