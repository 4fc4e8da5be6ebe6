"""Publishing a recorded message again, with what must change changed and everything else as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from celery import Celery
from celery.utils.saferepr import saferepr
from psycopg2.errors import DeadlockDetected
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from earthgazer_core.db.session import Database, now
from earthgazer_core.db.tables import OperatorActionRow, TaskExecutionRow, TaskMessageRow
from earthgazer_core.errors import NotFoundError, RefusedError, ServiceUnavailableError, UnsureError
from earthgazer_core.operations import audit
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.chord import ChordKeys
from earthgazer_core.operations.collected import collecting
from earthgazer_core.operations.republish import forget_revoked, publish, publish_signature, renewed
from earthgazer_core.operations.retry_body import BodyCase, judge_body
from earthgazer_core.operations.retry_case import Case, judge, revoked_with, whereabouts
from earthgazer_core.operations.retry_offer import COPY, IN_PLACE, REFUSED, Retried, RetryOffer, RetryPlanItem
from earthgazer_core.operations.retry_rows import forget_blocked, remember
from earthgazer_core.recorder.message import Seal, serialise
from earthgazer_core.recorder.order import FAILED, REPLACED, UNFINISHED

logger = logging.getLogger(__name__)

_DEADLOCK_TRIES = 5


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
            broker: Where an offer looks for the message of a task that has not ended; None not to look.
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
            case = self._case(session, task_id)
            if self._broker is not None and isinstance(case, Case) and case.row.state in UNFINISHED:
                return replace(case.offer, reason=whereabouts(case.row, self._broker))
            return case.offer

    def plan(self, task_ids: Iterable[str]) -> tuple[RetryPlanItem, ...]:
        """Return what a retry of these would do; nothing is changed."""
        items = []
        for task_id in task_ids:
            try:
                # Without looking for each one's message: a queue can be long, and so can the plan.
                with self._database.session() as session:
                    offer = self._case(session, task_id).offer
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
            UnsureError: the broker's answer is lost; the task counts as sent, and one that is nowhere
                comes back by :func:`~earthgazer_core.operations.reconcile.reconcile`.
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

    def _case(self, session: Session, task_id: str, *, is_locked: bool = False) -> Case | BodyCase:
        # The message first, as the recorder does: two that lock in the same order never block each other.
        message = session.get(TaskMessageRow, task_id, with_for_update=is_locked)
        row = session.get(TaskExecutionRow, task_id, with_for_update=is_locked)
        if row is None or row.blocked_by is not None or row.state == REPLACED:
            body = judge_body(session, self._seal, self._app, self._chords, task_id, is_locked=is_locked)
            if body is not None:
                return body
        if row is None:
            raise NotFoundError(f"no task {task_id} was recorded")
        return judge(session, self._seal, self._chords, row, message)

    def _publish(
        self,
        session: Session,
        case: Case,
        mode: str,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
    ) -> Retried | UnsureError:
        row, message = case.row, case.message
        if message is None:
            raise RefusedError(case.offer.reason)
        at = now(session)
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
        remember(session, case, headers, properties, content, self._seal, at, new_id)
        target = {"task_id": row.task_id, "name": row.name}
        detail = {"mode": mode, "attempt": attempt, "new_id": new_id, "edited": is_edited}
        noted = audit.note(session, "task.retry", target, "done", detail, self._context)
        # All that the database could object to comes before the message, which can't be taken back.
        session.flush()
        if case.revoked:
            forget_revoked(self._app, case.revoked)
        for repair in case.repairs:
            self._chords.settle(repair)
            if new_id:
                self._chords.rename(repair.record.group_id, row.task_id, new_id)
        try:
            publish(self._app, headers, properties, content, done.queue)
        except UnsureError as error:
            _unsure(noted, error)
            return error
        return done

    def _publish_body(self, session: Session, case: BodyCase) -> Retried | UnsureError:
        if case.record is None:
            raise RefusedError(case.offer.reason)
        forget_blocked(session, case.first_ids)
        target = {"task_id": case.task_id, "name": case.name}
        detail = {"mode": IN_PLACE, "attempt": 1, "chord": case.record.group_id}
        noted = audit.note(session, "task.retry", target, "done", detail, self._context)
        session.flush()
        if revoked := revoked_with(case.signature):
            # The header may have failed before it succeeded.
            forget_revoked(self._app, revoked)
        unsure: UnsureError | None = None
        with self._chords.claimed(case.record) as results:
            try:
                publish_signature(self._app, case.signature, results, case.header, case.offer.queue)
            except UnsureError as error:
                # The chord is concluded all the same: a second try would run what follows it twice. What was
                # not sent is on the record as if it were, and the reconciler finds it nowhere.
                unsure = error
        if unsure is not None:
            _unsure(noted, unsure)
            return unsure
        return Retried(case.task_id, case.name, case.offer.queue, IN_PLACE, 1, None)

    def _retry_once(
        self,
        task_id: str,
        mode: str | None,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
    ) -> Retried:
        try:
            with collecting(self._app, self._seal) as collected:
                done = self._retry_locked(task_id, mode, args, kwargs)
        except RefusedError as error:
            target, detail = {"task_id": task_id}, {"reason": str(error)}
            audit.record(self._database, "task.retry", target, "refused", detail, self._context)
            raise
        try:
            collected.write(self._database)
        except ServiceUnavailableError as error:
            if isinstance(done, UnsureError):
                raise UnsureError(f"{done}; what was sent could not be recorded either: {error}") from error
            # The message is out, and its worker records what becomes of it.
            logger.warning("the message of %s could not be recorded: %s", task_id, error)
        if isinstance(done, UnsureError):
            raise done
        return done

    def _retry_locked(
        self,
        task_id: str,
        mode: str | None,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
    ) -> Retried | UnsureError:
        is_edited = args is not None or kwargs is not None
        with self._database.session() as session:
            case = self._case(session, task_id, is_locked=True)
            if case.offer.mode == REFUSED:
                raise RefusedError(case.offer.reason)
            if isinstance(case, BodyCase):
                if is_edited or mode == COPY:
                    raise RefusedError("it was never published, so there is nothing to copy or to edit")
                return self._publish_body(session, case)
            chosen = COPY if is_edited or mode == COPY else case.offer.mode
            return self._publish(session, case, chosen, args, kwargs)

    def _name(self, task_id: str) -> str:
        with self._database.session() as session:
            row = session.get(TaskExecutionRow, task_id)
            return row.name if row is not None else ""


def _unsure(noted: OperatorActionRow, error: UnsureError) -> None:
    """Say in the audit that nobody knows.

    All else stays written down as sent: a second try would send it twice, and one that never came anywhere
    is found by the reconciler.
    """
    noted.outcome = audit.outcome_of(error)
    noted.detail = {**noted.detail, "reason": str(error)}


def _is_deadlock(error: ServiceUnavailableError) -> bool:
    return isinstance(getattr(error.__cause__, "orig", None), DeadlockDetected)


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
