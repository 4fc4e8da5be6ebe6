"""Going on with a workflow run: all that failed, was revoked or never ran, and nothing that succeeded.

A run that failed goes on as itself: each failed step is retried, and what waits for it follows. The ids of
a run that was cancelled are discarded by workers, and so is all that bears its stamp. So what is left of it
is frozen anew under new ids, as a new run that names the old one; steps that succeeded keep their ids
and are part of both.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from celery import Celery
from sqlalchemy import select
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
from earthgazer_core.operations.header_parts import HeaderKeeper, HeaderParts
from earthgazer_core.operations.refreeze import ids_of, renamed, renamed_signature
from earthgazer_core.operations.republish import publish, renewed
from earthgazer_core.operations.retry import COPY, IN_PLACE, REFUSED, Retrier
from earthgazer_core.recorder.graph import chord_slots
from earthgazer_core.recorder.message import Body, Seal, parse_json_body, serialise
from earthgazer_core.recorder.order import FAILED, REPLACED, UNFINISHED, generation_of, state_order

ANEW, FOLLOWS, GOES_ON = "anew", "follows", "goes on"
"""What becomes of a step, beside ``in place``, ``copy`` and ``refused``."""
RESUMED_AS, RESUMES = "resumed_as", "resumes"
"""Parameters of a run that name the one that goes on for it, and the one that it goes on for."""

_DONE = ("SUCCESS", "IGNORED")
_BUSY = ("STARTED", "PROGRESS")
_SENT = (IN_PLACE, COPY, ANEW)
_PATIENCE_S = 10.0
_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class ResumeItem:
    """What becomes of one step that did not succeed."""

    task_id: str
    """Its id now."""
    name: str
    """Task name."""
    queue: str | None
    """Queue that its message goes to; None where it is published later."""
    mode: str
    """``in place``, ``copy`` or ``anew``: sent at once; ``follows``: published by what comes before it;
    ``goes on``: a queue or a worker has it; ``refused``."""
    note: str
    """What comes with it, or why it is refused."""


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """What a resume would do; nothing has been changed."""

    run_id: str
    """The run."""
    name: str
    """Its workflow."""
    is_cancelled: bool
    """Whether it was cancelled, so that what is left of it becomes a new run."""
    items: tuple[ResumeItem, ...]
    """Every step that did not succeed, in the order of the run."""
    kept: int
    """Steps that succeeded and won't run again."""
    refusal: str
    """Why it can't be resumed; empty where it can."""

    @property
    def sent(self) -> tuple[ResumeItem, ...]:
        """What would be published at once."""
        return tuple(item for item in self.items if item.mode in _SENT)

    @property
    def summary(self) -> str:
        """One line."""
        if self.refusal:
            return self.refusal
        follow = sum(item.mode == FOLLOWS for item in self.items)
        refused = sum(item.mode == REFUSED for item in self.items)
        words = f"{len(self.sent)} sent, {follow} follow, {self.kept} that succeeded stay"
        words += f", {refused} refused" if refused else ""
        return f"{words}; as a new run" if self.is_cancelled else words


@dataclass(frozen=True, slots=True)
class ResumedStep:
    """A message that was published."""

    task_id: str
    """Id of the step in the run that was asked for."""
    name: str
    """Task name."""
    queue: str | None
    """Queue that it went to."""
    mode: str
    """``in place``, ``copy`` or ``anew``."""
    new_id: str | None
    """Its new id; None in place."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a resume did."""

    run_id: str
    """The run that was asked for."""
    goes_on_as: str
    """The run that goes on: the same, or for a cancelled one the new one."""
    sent: tuple[ResumedStep, ...]
    """What was published."""
    refused: tuple[ResumeItem, ...]
    """What could not be, each with its reason."""

    @property
    def summary(self) -> str:
        """One line."""
        words = f"{len(self.sent)} sent"
        words += f", {len(self.refused)} refused" if self.refused else ""
        return words if self.goes_on_as == self.run_id else f"{words}; goes on as run {self.goes_on_as}"


@dataclass(frozen=True, slots=True)
class _Left:
    """A recorded message whose step did not succeed."""

    row: TaskExecutionRow
    message: TaskMessageRow
    body: Body


@dataclass(frozen=True, slots=True)
class _Anew:
    """A message under its new id, ready to go."""

    old_id: str
    row: TaskExecutionRow
    headers: dict[str, Any]
    properties: dict[str, Any]
    content: tuple[str, str, bytes]


@dataclass(frozen=True, slots=True)
class _Run:
    """A run as the record has it."""

    row: WorkflowRunRow
    executions: Mapping[str, TaskExecutionRow]
    steps: tuple[WorkflowStepRow, ...]

    @property
    def open(self) -> list[TaskExecutionRow]:
        """Executions that did not succeed and that nothing has taken the place of."""
        copied = {row.copy_of for row in self.executions.values()}
        order = {step.task_id: step.ordinal for step in self.steps}
        found = [
            row
            for row in self.executions.values()
            if row.state not in (*_DONE, REPLACED) and row.blocked_by is None and row.task_id not in copied
        ]
        return sorted(found, key=lambda row: (order.get(row.task_id, 1 << 62), row.task_id))

    @property
    def kept(self) -> int:
        return sum(row.state in _DONE for row in self.executions.values())

    def later(self, open_ids: Iterable[str]) -> list[WorkflowStepRow]:
        """Return the steps that were never published, or that never ran because a header failed."""
        known = set(open_ids)
        return [
            step
            for step in self.steps
            if step.task_id not in known
            and ((row := self.executions.get(step.task_id)) is None or row.blocked_by is not None)
        ]

    def lost(self, known_ids: Iterable[str]) -> list[WorkflowStepRow | TaskExecutionRow]:
        """Return what is yet to come and not among these; a task that was replaced is, too."""
        known = set(known_ids)
        replaced = [row for row in self.executions.values() if row.state == REPLACED]
        return [*self.later(known), *(row for row in replaced if row.task_id not in known)]


class Resumer:
    """Resumes recorded runs; each is judged anew at the moment, and noted in the audit."""

    def __init__(
        self,
        database: Database,
        app: Celery,
        retrier: Retrier | None = None,
        *,
        encryption_key: str | None = None,
        context: str | None = None,
    ) -> None:
        """Take what is needed.

        Args:
            database: Where the flight recorder writes.
            app: The fleet's app, or one with the same broker and result backend.
            retrier: Retries the steps of runs that failed; one is made if None.
            encryption_key: Fernet key of the recorder, for messages with hidden arguments.
            context: Name of the fleet, for the audit.
        """
        self._database = database
        self._app = app
        self._retrier = retrier or Retrier(database, app, encryption_key=encryption_key, context=context)
        self._seal = Seal(encryption_key)
        self._headers = HeaderKeeper(app, self._seal)
        self._context = context

    def plan(self, run_id: str) -> ResumePlan:
        """Return what a resume of a run would do; nothing is changed.

        Raises:
            NotFoundError: no such run was recorded.
            ServiceUnavailableError: database or result backend are away.
        """
        with self._database.session() as session:
            run = _load(session, run_id)
            if run.row.cancelled_at is not None:
                return self._plan_anew(session, run)
        return self._plan_in_place(run)

    def resume(self, run_id: str) -> Resumed:
        """Publish what a run needs to go on.

        A second call finds nothing more to publish: what was retried is no failure any more, and a
        cancelled run is resumed once.

        Raises:
            NotFoundError: no such run was recorded.
            RefusedError: nothing of it is left to run, or it can't be resumed; nothing was published.
            ServiceUnavailableError: a server is away; the message says what was published.
        """
        target = {"run_id": run_id}
        try:
            with self._database.session() as session:
                # Locked, so that of two operators one finds it resumed.
                run = _load(session, run_id, is_locked=True)
                if run.row.cancelled_at is not None:
                    new_run_id, messages = self._freeze(session, run)
            if run.row.cancelled_at is not None:
                resumed = Resumed(run_id, new_run_id, self._send(messages), ())
            else:
                resumed = self._in_place(run)
        except (RefusedError, ServiceUnavailableError) as error:
            outcome = "refused" if isinstance(error, RefusedError) else "failed"
            audit.record(self._database, "run.resume", target, outcome, {"reason": str(error)}, self._context)
            raise
        detail = {
            "sent": len(resumed.sent),
            "refused": {item.task_id: item.note for item in resumed.refused},
            "goes_on_as": resumed.goes_on_as,
        }
        audit.record(self._database, "run.resume", target, "done", detail, self._context)
        return resumed

    def _plan_in_place(self, run: _Run) -> ResumePlan:
        items = []
        for row in run.open:
            if row.state in FAILED:
                offer = self._retrier.offer(row.task_id)
                items.append(ResumeItem(row.task_id, row.name, offer.queue, offer.mode, offer.reason))
            else:
                items.append(ResumeItem(row.task_id, row.name, row.queue, GOES_ON, f"it is {row.state}"))
        refusal = "" if any(item.mode in _SENT for item in items) else _nothing(run, items)
        later = run.later(item.task_id for item in items)
        items += [_follows(step) for step in later]
        return ResumePlan(run.row.run_id, run.row.name, False, tuple(items), run.kept, refusal)

    def _in_place(self, run: _Run) -> Resumed:
        sent: list[ResumedStep] = []
        refused: dict[str, ResumeItem] = {}
        failed = [row for row in run.open if row.state in FAILED]
        offered = {row.task_id for row in failed if self._retrier.offer(row.task_id).mode != REFUSED}
        deadline = time.monotonic() + _PATIENCE_S
        while failed:
            for row in failed:
                try:
                    done = self._retrier.retry(row.task_id)
                except (RefusedError, NotFoundError) as error:
                    queue = row.queue or row.routing_key
                    refused[row.task_id] = ResumeItem(row.task_id, row.name, queue, REFUSED, str(error))
                else:
                    refused.pop(row.task_id, None)
                    sent.append(ResumedStep(row.task_id, row.name, done.queue, done.mode, done.new_id))
            # A member that went first may just be concluding the chord that the others failed.
            failed = [row for row in failed if row.task_id in refused and row.task_id in offered]
            if time.monotonic() > deadline:
                break
            if failed:
                time.sleep(_PAUSE_S)
        if not sent:
            raise RefusedError(_nothing(run, refused.values()))
        return Resumed(run.row.run_id, run.row.run_id, tuple(sent), tuple(refused.values()))

    def _plan_anew(self, session: Session, run: _Run) -> ResumePlan:
        refusal, refused = "", dict[str, str]()
        try:
            left, refused = self._left(session, run)
            self._judge(session, run, left, refused)
        except RefusedError as error:
            refusal = str(error)
        items = []
        for row in run.open:
            note = refused.get(row.task_id, refusal)
            queue = row.queue or row.routing_key
            items.append(
                ResumeItem(
                    row.task_id, row.name, queue, REFUSED if note else ANEW,
                    note or f"it is {row.state}: frozen anew under a new id",
                )
            )  # fmt: skip
        items += [_follows(step) for step in run.later(row.task_id for row in run.open)]
        return ResumePlan(run.row.run_id, run.row.name, True, tuple(items), run.kept, refusal)

    def _left(self, session: Session, run: _Run) -> tuple[list[_Left], dict[str, str]]:
        """Return the messages that the run goes on with, and why others can't be read.

        Raises:
            RefusedError: the run can't be resumed now, or not at all.
        """
        resumed_as = run.row.parameters.get(RESUMED_AS)
        if resumed_as:
            raise RefusedError(f"it was resumed already, as run {resumed_as}")
        if not run.open:
            raise RefusedError("nothing of it is left to run")
        now = datetime.now(UTC)
        busy = [row for row in run.open if row.state in _BUSY]
        if busy:
            raise RefusedError(
                f"{_words(busy)} still running: resume it after the end, or that work would be done twice"
            )
        # One that a worker keeps for later is discarded by that worker when its time comes.
        waiting = [
            row for row in run.open if row.state in UNFINISHED and not (row.eta is not None and row.eta > now)
        ]
        if waiting:
            raise RefusedError(
                f"{_words(waiting)} not discarded yet: a worker does so on taking them from"
                " their queue, or delete the messages there; then resume"
            )
        left, refused = [], {}
        for row in run.open:
            message = session.get(TaskMessageRow, row.task_id)
            if message is None:
                refused[row.task_id] = "its message was not recorded"
                continue
            try:
                raw = self._seal.open(message.body) if message.is_sealed else message.body
            except RefusedError as error:
                refused[row.task_id] = str(error)
                continue
            body = parse_json_body(message.content_type, message.content_encoding, raw)
            if body is None:
                refused[row.task_id] = f"its message is {message.content_type}, which is never decoded here"
            else:
                left.append(_Left(row, message, body))
        return left, refused

    def _judge(
        self, session: Session, run: _Run, left: list[_Left], refused: Mapping[str, str]
    ) -> tuple[dict[str, str], list[HeaderParts]]:
        """Return new ids for all that is left, and the headers that are under way.

        Raises:
            RefusedError: something of it would never run, or run without what it waits for.
        """
        if refused:
            task_id, reason = next(iter(refused.items()))
            raise RefusedError(f"{len(refused)} of its steps can't be frozen anew: {task_id}: {reason}")
        ids = [one for item in left for one in ids_of(item.message.headers, item.body[2])]
        done = {row.task_id for row in run.executions.values() if row.state in _DONE}
        names = {one: str(uuid4()) for one in ids if one not in done}
        lost = run.lost(names)
        if lost:
            raise RefusedError(
                f"{_words(lost)} yet to come, and no recorded message leads there: start the workflow again"
            )
        slots: dict[str, set[str]] = {}
        for item in left:
            for slot in chord_slots(item.message.headers, item.body[2]):
                slots.setdefault(slot["group_id"], set()).add(slot["task_id"])
        run_id = run.row.run_id
        return names, [self._headers.read(session, run_id, group_id, ids) for group_id, ids in slots.items()]

    def _freeze(self, session: Session, run: _Run) -> tuple[str, list[_Anew]]:
        """Write down the new run and its messages, and have its chords begin with what is there."""
        left, refused = self._left(session, run)
        names, headers = self._judge(session, run, left, refused)
        at, new_run_id = datetime.now(UTC), str(uuid4())
        old = run.row
        session.add(
            WorkflowRunRow(
                run_id=new_run_id, name=old.name, created_at=at,
                parameters={**old.parameters, RESUMES: old.run_id},
            )
        )  # fmt: skip
        old.parameters = {**old.parameters, RESUMED_AS: new_run_id}
        session.flush()
        session.add_all(_renamed_step(step, names, new_run_id) for step in run.steps)
        messages = [self._anew(item, names, new_run_id, at) for item in left]
        for item, anew in zip(left, messages, strict=True):
            self._remember(session, item, anew, at)
        session.flush()
        # Nobody knows these keys before the first message is out; should the commit fail, they expire.
        for parts in headers:
            self._headers.write(parts, names[parts.group_id])
        return new_run_id, messages

    def _anew(self, item: _Left, names: Mapping[str, str], run_id: str, at: datetime) -> _Anew:
        args, kwargs, embed = item.body
        headers, embed = renamed(item.message.headers, embed, names, run_id)
        headers, properties = renewed(headers, item.message.properties, at)
        properties["correlation_id"] = headers["id"]
        content = serialise(self._app, item.row.name, (args, kwargs, embed))
        row = _renamed_execution(item.row, headers, at)
        return _Anew(item.row.task_id, row, headers, properties, content)

    def _remember(self, session: Session, item: _Left, anew: _Anew, at: datetime) -> None:
        content_type, content_encoding, payload = anew.content
        is_sealed = item.message.is_sealed
        session.add(anew.row)
        session.add(
            TaskMessageRow(
                task_id=anew.row.task_id, headers=anew.headers, properties=anew.properties,
                content_type=content_type, content_encoding=content_encoding, is_sealed=is_sealed,
                body=self._seal.close(payload) if is_sealed else payload, published_at=at,
            )
        )  # fmt: skip
        detail = {"resumed_by": audit.who()[0], "copy_of": anew.old_id}
        session.add(
            TaskStateChangeRow(
                task_id=anew.row.task_id, state="PENDING", at=at, worker=None, attempt=1, detail=detail
            )
        )
        item.row.dismissed_at = at

    def _send(self, messages: list[_Anew]) -> tuple[ResumedStep, ...]:
        """Publish what was written down; what could not be is a failure that a retry sends.

        Raises:
            ServiceUnavailableError: the broker is away; the message says what was published.
        """
        sent: list[ResumedStep] = []
        for number, anew in enumerate(messages):
            queue = anew.row.queue or anew.row.routing_key
            try:
                publish(self._app, anew.headers, anew.properties, anew.content, queue)
            except ServiceUnavailableError as error:
                rest = [one.row.task_id for one in messages[number:]]
                self._note_unsent(rest, str(error))
                raise ServiceUnavailableError(
                    f"{len(sent)} of {len(messages)} sent to run {anew.row.run_id}: {error};"
                    " the others are failures of that run: resume it"
                ) from error
            sent.append(ResumedStep(anew.old_id, anew.row.name, queue, ANEW, anew.row.task_id))
        return tuple(sent)

    def _note_unsent(self, task_ids: list[str], reason: str) -> None:
        at = datetime.now(UTC)
        with self._database.session() as session:
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


def _load(session: Session, run_id: str, *, is_locked: bool = False) -> _Run:
    row = session.get(WorkflowRunRow, run_id, with_for_update=is_locked)
    if row is None:
        raise NotFoundError(f"no run {run_id} was recorded")
    steps = session.scalars(
        select(WorkflowStepRow).where(WorkflowStepRow.run_id == run_id).order_by(WorkflowStepRow.ordinal)
    ).all()
    executions = {
        one.task_id: one
        for one in session.scalars(select(TaskExecutionRow).where(TaskExecutionRow.run_id == run_id))
    }
    # What a resumed run kept belongs to the run that it was done for.
    missing = [step.task_id for step in steps if step.task_id not in executions]
    for one in session.scalars(select(TaskExecutionRow).where(TaskExecutionRow.task_id.in_(missing))):
        executions[one.task_id] = one
    return _Run(row, executions, tuple(steps))


def _renamed_step(step: WorkflowStepRow, names: Mapping[str, str], run_id: str) -> WorkflowStepRow:
    return WorkflowStepRow(
        run_id=run_id,
        task_id=names.get(step.task_id, step.task_id),
        name=step.name,
        after=[names.get(one, one) for one in step.after],
        group_id=names.get(step.group_id, step.group_id) if step.group_id else None,
        group_index=step.group_index,
        chord_size=step.chord_size,
        ordinal=step.ordinal,
        signature=renamed_signature(step.signature, names, run_id),
    )


def _renamed_execution(row: TaskExecutionRow, headers: Mapping[str, Any], at: datetime) -> TaskExecutionRow:
    return TaskExecutionRow(
        task_id=headers["id"], name=row.name, state="PENDING", attempt=1,
        state_order=state_order(generation_of(headers), "PENDING", is_published=True),
        queue=row.queue, exchange=row.exchange, routing_key=row.routing_key, priority=row.priority,
        sent_at=at, updated_at=at, copy_of=row.task_id, parent_id=headers.get("parent_id"),
        root_id=headers.get("root_id"), group_id=headers.get("group"),
        group_index=headers.get("group_index"), run_id=headers["run_id"], capture_id=row.capture_id,
        is_redacted=row.is_redacted, args_repr=row.args_repr, kwargs_repr=row.kwargs_repr,
    )  # fmt: skip


def _follows(step: WorkflowStepRow) -> ResumeItem:
    return ResumeItem(step.task_id, step.name, None, FOLLOWS, "when what it waits for has succeeded")


def _nothing(run: _Run, items: Iterable[ResumeItem]) -> str:
    refused = [item for item in items if item.mode == REFUSED]
    if refused:
        return (
            f"none of its {len(refused)} failed steps can be retried: {refused[0].task_id}: {refused[0].note}"
        )
    goes_on = sum(row.state in UNFINISHED for row in run.open)
    return f"nothing of it failed: {goes_on} tasks go on" if goes_on else "nothing of it is left to run"


def _words(rows: Iterable[TaskExecutionRow | WorkflowStepRow]) -> str:
    found = list(rows)
    named = f"{found[0].name} {found[0].task_id}"
    return f"{len(found)} tasks ({named}, …) are" if len(found) > 1 else f"{named} is"
