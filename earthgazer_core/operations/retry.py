"""Publishing a recorded message again, with what must change changed and everything else as it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from celery import Celery
from celery.utils.saferepr import saferepr
from psycopg2.errors import DeadlockDetected
from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import (
    TaskExecutionRow,
    TaskMessageRow,
    TaskStateChangeRow,
    WorkflowRunRow,
    WorkflowStepRow,
)
from earthgazer_core.errors import NotFoundError, RefusedError, ServiceUnavailableError
from earthgazer_core.operations import audit
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.chord import ChordKeys, Slot
from earthgazer_core.operations.republish import publish, renewed
from earthgazer_core.recorder.graph import chord_slots
from earthgazer_core.recorder.message import Body, Seal, parse_json_body, serialise
from earthgazer_core.recorder.order import BLOCKED_ORDER, FAILED, generation_of, state_order

IN_PLACE, COPY, REFUSED = "in place", "copy", "refused"
"""Modes of a retry."""

_DEADLOCK_TRIES = 5


@dataclass(frozen=True, slots=True)
class RetryOffer:
    """Whether and how a task can be retried now."""

    mode: str
    """``in place``, ``copy`` or ``refused``."""
    reason: str
    """What comes with it, or why it is refused."""
    name: str
    """Task name."""
    queue: str | None
    """Queue that the message would go to."""


@dataclass(frozen=True, slots=True)
class RetryPlanItem:
    """What a retry of one task would do; also the outcome where it was refused."""

    task_id: str
    """The task."""
    name: str
    """Task name; empty where it isn't known."""
    queue: str | None
    """Queue that the message would go to."""
    mode: str
    """``in place``, ``copy`` or ``refused``."""
    note: str
    """What comes with it, or why it is refused."""


@dataclass(frozen=True, slots=True)
class Retried:
    """A message that was published again."""

    task_id: str
    """The task asked for."""
    name: str
    """Task name."""
    queue: str | None
    """Queue that the message went to."""
    mode: str
    """``in place`` or ``copy``."""
    attempt: int
    """Number of the attempt that begins."""
    new_id: str | None
    """Id of the copy; None in place."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A task and what a retry of it would have to deal with."""

    row: TaskExecutionRow
    message: TaskMessageRow | None
    body: Body | None
    """The parts of the message where it is JSON and could be read."""
    slots: tuple[Slot, ...]
    is_run_cancelled: bool
    offer: RetryOffer


class Retrier:
    """Retries recorded tasks; every retry is checked anew, done once, and noted in the audit."""

    def __init__(
        self,
        database: Database,
        app: Celery,
        broker: RedisBroker | None = None,
        *,
        encryption_key: str | None = None,
        context: str | None = None,
    ) -> None:
        """Take what is needed.

        Args:
            database: Where the flight recorder writes.
            app: The fleet's app, or one with the same broker and result backend.
            broker: Unused so far; the fleet's broker.
            encryption_key: Fernet key of the recorder, for messages with hidden arguments.
            context: Name of the fleet, for the audit.
        """
        self._database = database
        self._app = app
        self._broker = broker
        self._seal = Seal(encryption_key)
        self._chords = ChordKeys(app)
        self._context = context

    def offer(self, task_id: str) -> RetryOffer:
        """Return whether and how a task can be retried.

        Raises:
            NotFoundError: it was never recorded.
            ServiceUnavailableError: database or result backend are away.
        """
        with self._database.session() as session:
            return self._case(session, task_id).offer

    def plan(self, task_ids: Iterable[str]) -> tuple[RetryPlanItem, ...]:
        """Return what a retry of these would do; nothing is changed."""
        items = []
        for task_id in task_ids:
            try:
                offer = self.offer(task_id)
            except NotFoundError as error:
                items.append(RetryPlanItem(task_id, "", None, REFUSED, str(error)))
            else:
                items.append(RetryPlanItem(task_id, offer.name, offer.queue, offer.mode, offer.reason))
        return tuple(items)

    def retry(
        self,
        task_id: str,
        *,
        mode: str | None = None,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> Retried:
        """Publish the recorded message of a task again.

        The task's row is locked until the message is out and its state is PENDING, so that a second
        key press, or a second operator, finds nothing more to retry.

        Args:
            task_id: The task.
            mode: ``copy`` for a copy where ``in place`` is offered; None for what is offered.
            args: Other positional arguments; makes a copy.
            kwargs: Other named arguments; makes a copy.

        Raises:
            NotFoundError: it was never recorded.
            RefusedError: it can't be retried; the message says why. Nothing was published.
            ServiceUnavailableError: a server is away; nothing was published.
        """
        for _ in range(_DEADLOCK_TRIES - 1):
            try:
                return self._retry_once(task_id, mode, args, kwargs)
            except ServiceUnavailableError as error:
                # The recorder writes to the same rows. Nothing was published yet when this happens.
                if not _is_deadlock(error):
                    raise
        return self._retry_once(task_id, mode, args, kwargs)

    def retry_many(
        self, task_ids: Iterable[str], *, copy: bool = False
    ) -> tuple[Retried | RetryPlanItem, ...]:
        """Retry each of these; one that is refused keeps no other back.

        Raises:
            ServiceUnavailableError: a server is away; those before were retried.
        """
        outcomes: list[Retried | RetryPlanItem] = []
        for task_id in task_ids:
            try:
                outcomes.append(self.retry(task_id, mode=COPY if copy else None))
            except (RefusedError, NotFoundError) as error:
                outcomes.append(RetryPlanItem(task_id, self._name(task_id), None, REFUSED, str(error)))
        return tuple(outcomes)

    def dismiss(self, task_ids: Iterable[str]) -> int:
        """Take failures from the list of failures; their history stays. Return how many there were."""
        ids = list(task_ids)
        with self._database.session() as session:
            dismissed = session.scalars(
                update(TaskExecutionRow)
                .where(
                    TaskExecutionRow.task_id.in_(ids),
                    TaskExecutionRow.state.in_((*FAILED, "REJECTED")),
                    TaskExecutionRow.dismissed_at.is_(None),
                )
                .values(dismissed_at=func.now())
                .returning(TaskExecutionRow.task_id)
            ).all()
            audit.note(session, "task.dismiss", {"task_ids": list(dismissed)}, "done", context=self._context)
        return len(dismissed)

    def _case(self, session: Session, task_id: str, *, is_locked: bool = False) -> _Case:
        # The message first, as the recorder does: two that lock in the same order never block each other.
        message = session.get(TaskMessageRow, task_id, with_for_update=is_locked)
        row = session.get(TaskExecutionRow, task_id, with_for_update=is_locked)
        if row is None:
            raise NotFoundError(f"no task {task_id} was recorded")
        run = session.get(WorkflowRunRow, row.run_id) if row.run_id else None
        case = _Case(
            row=row,
            message=message,
            body=None,
            slots=(),
            is_run_cancelled=run is not None and run.cancelled_at is not None,
            offer=RetryOffer(REFUSED, "", row.name, row.queue or row.routing_key),
        )
        try:
            return self._judged(session, case)
        except RefusedError as error:
            return replace(case, offer=replace(case.offer, reason=str(error)))

    def _judged(self, session: Session, case: _Case) -> _Case:
        row, message = case.row, case.message
        if row.blocked_by is not None:
            raise RefusedError(
                f"it never ran: it is blocked by {row.blocked_by}. Retry that one, and the chord goes on"
            )
        if row.state not in FAILED:
            raise RefusedError(f"it is {row.state}: only a task that failed or was revoked can be retried")
        if message is None:
            raise RefusedError("its message was not recorded, so its arguments are not known for certain")
        raw = self._seal.open(message.body) if message.is_sealed else message.body
        body = parse_json_body(message.content_type, message.content_encoding, raw)
        if body is None and row.group_id:
            raise RefusedError(
                f"its message is {message.content_type}, which is never decoded here, and it is in a group"
            )
        embed = body[2] if body else {}
        slots = tuple(
            Slot(slot["group_id"], slot["task_id"], slot["group_index"], _members(session, slot["group_id"]))
            for slot in chord_slots(message.headers, embed)
        )
        for slot in slots:
            reason = self._chords.refusal(slot)
            if reason:
                raise RefusedError(reason)
        later = len(embed.get("chain") or ())
        if case.is_run_cancelled and (later or slots):
            raise RefusedError(
                "its run was cancelled, and workers discard its later steps: start the workflow again"
            )
        is_poisoned = case.is_run_cancelled or row.state == "REVOKED" or _was_revoked(session, row.task_id)
        comes_with = [f"chain goes on: {later} step{'s' * (later > 1)}"] if later else []
        comes_with += ["its chord waits for it"] if slots else []
        if is_poisoned:
            comes_with.insert(0, "a new id, because workers discard the revoked one")
        offer = replace(
            case.offer,
            mode=COPY if is_poisoned else IN_PLACE,
            reason="; ".join(comes_with) or "the recorded message, unchanged",
        )
        return replace(case, body=body, slots=slots, offer=offer)

    def _publish(
        self,
        session: Session,
        case: _Case,
        mode: str,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
    ) -> Retried:
        row, message = case.row, case.message
        if message is None:
            raise RefusedError("its message was not recorded")
        at = datetime.now(UTC)
        payload = self._seal.open(message.body) if message.is_sealed else message.body
        content = (message.content_type, message.content_encoding, payload)
        is_edited = args is not None or kwargs is not None
        if is_edited:
            if case.body is None:
                raise RefusedError(
                    f"its message is {message.content_type}: arguments can be edited in JSON alone"
                )
            known_args, known_kwargs, embed = case.body
            edited = (
                known_args if args is None else list(args),
                known_kwargs if kwargs is None else dict(kwargs),
                embed,
            )
            content = serialise(self._app, row.name, edited)
        headers, properties = renewed(message.headers, message.properties, at)
        new_id = str(uuid4()) if mode == COPY else None
        attempt = 1 if new_id else row.attempt + 1
        headers["attempt"] = attempt
        if new_id:
            _give_id(headers, properties, row.task_id, new_id, is_run_cancelled=case.is_run_cancelled)
        if is_edited:
            shown = "(edited by an operator)" if row.is_redacted else None
            headers["argsrepr"], headers["kwargsrepr"] = (
                shown or saferepr(edited[0]),
                shown or saferepr(edited[1]),
            )
        done = Retried(row.task_id, row.name, row.queue or row.routing_key, mode, attempt, new_id)
        _remember(session, case, headers, properties, content, self._seal, at, new_id)
        target = {"task_id": row.task_id, "name": row.name}
        detail = {"mode": mode, "attempt": attempt, "new_id": new_id, "edited": is_edited}
        audit.note(session, "task.retry", target, "done", detail, self._context)
        # All that the database could object to comes before the message, which can't be taken back.
        session.flush()
        for slot in case.slots:
            self._chords.mend(slot)
        publish(self._app, headers, properties, content, done.queue)
        return done

    def _retry_once(
        self,
        task_id: str,
        mode: str | None,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
    ) -> Retried:
        is_edited = args is not None or kwargs is not None
        try:
            with self._database.session() as session:
                case = self._case(session, task_id, is_locked=True)
                if case.offer.mode == REFUSED:
                    raise RefusedError(case.offer.reason)
                chosen = COPY if is_edited or mode == COPY else case.offer.mode
                return self._publish(session, case, chosen, args, kwargs)
        except RefusedError as error:
            target, detail = {"task_id": task_id}, {"reason": str(error)}
            audit.record(self._database, "task.retry", target, "refused", detail, self._context)
            raise

    def _name(self, task_id: str) -> str:
        with self._database.session() as session:
            row = session.get(TaskExecutionRow, task_id)
            return row.name if row is not None else ""


def _is_deadlock(error: ServiceUnavailableError) -> bool:
    return isinstance(getattr(error.__cause__, "orig", None), DeadlockDetected)


def _members(session: Session, group_id: str) -> int:
    """Return how many members of a chord's header the record knows."""
    return (
        session.scalar(
            select(func.count())
            .select_from(WorkflowStepRow)
            .where(WorkflowStepRow.group_id == group_id, WorkflowStepRow.group_index.is_not(None))
        )
        or 0
    )


def _was_revoked(session: Session, task_id: str) -> bool:
    return bool(
        session.scalar(
            select(
                exists().where(
                    TaskStateChangeRow.task_id == task_id,
                    TaskStateChangeRow.state == "REVOKED",
                )
            )
        )
    )


def _give_id(
    headers: dict[str, Any], properties: dict[str, Any], old_id: str, new_id: str, *, is_run_cancelled: bool
) -> None:
    headers["id"] = new_id
    headers["copy_of"] = old_id
    properties["correlation_id"] = new_id
    if headers.get("root_id") == old_id:
        headers["root_id"] = new_id
    if is_run_cancelled:
        # The stamp of a cancelled run would have it discarded again.
        headers["stamped_headers"] = [
            name for name in headers.get("stamped_headers") or () if name != "run_id"
        ]
        headers["stamps"] = {
            name: value for name, value in (headers.get("stamps") or {}).items() if name != "run_id"
        }


def _remember(
    session: Session,
    case: _Case,
    headers: dict[str, Any],
    properties: dict[str, Any],
    content: tuple[str, str, bytes],
    seal: Seal,
    at: datetime,
    new_id: str | None,
) -> None:
    """Write down that the message is out again; the failure stays in the timeline."""
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
    if new_id:
        session.add(TaskMessageRow(task_id=new_id, **kept))
        session.add(_copied(row, headers, order, at))
        row.dismissed_at = at
        _move_step(session, row.task_id, new_id)
    else:
        for name, value in kept.items():
            setattr(message, name, value)
        _begin_anew(row, headers, order, at)
    who, _ = audit.who()
    session.add(
        TaskStateChangeRow(
            task_id=task_id, state="PENDING", at=at, worker=None, attempt=headers["attempt"],
            detail={"retried_by": who, **({"copy_of": row.task_id} if new_id else {})},
        )
    )  # fmt: skip
    # Bodies that this failure blocked have a future again.
    session.execute(
        delete(TaskExecutionRow).where(
            TaskExecutionRow.blocked_by == row.task_id, TaskExecutionRow.state_order <= BLOCKED_ORDER
        )
    )


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
