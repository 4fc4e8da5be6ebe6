"""What is left of a cancelled run, frozen anew under new ids as a new run that names the old one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from celery import Celery
from sqlalchemy.orm import Session

from earthgazer_core.db.session import now
from earthgazer_core.db.tables import (
    TaskExecutionRow,
    TaskMessageRow,
    TaskStateChangeRow,
    WorkflowRunRow,
    WorkflowStepRow,
)
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations import audit
from earthgazer_core.operations.header_parts import HeaderKeeper, HeaderParts
from earthgazer_core.operations.recorded_run import RecordedRun
from earthgazer_core.operations.refreeze import ids_of, ids_within, renamed, renamed_signature
from earthgazer_core.operations.republish import renewed
from earthgazer_core.operations.resume_message import ResumeMessage, renamed_execution
from earthgazer_core.recorder.graph import chord_slots
from earthgazer_core.recorder.message import Body, Seal, parse_json_body, serialise
from earthgazer_core.recorder.order import SUCCEEDED, UNFINISHED

RESUMED_AS, RESUMES = "resumed_as", "resumes"
"""Parameters of a run that name the one that goes on for it, and the one that it goes on for."""

_BUSY = ("STARTED", "PROGRESS")


@dataclass(frozen=True, slots=True)
class _Left:
    """A recorded message whose step did not succeed."""

    row: TaskExecutionRow
    message: TaskMessageRow
    body: Body


class RunFreezer:
    """Writes down what is left of cancelled runs under new ids; publishes nothing."""

    def __init__(self, app: Celery, seal: Seal) -> None:
        """Take what messages are read and written with.

        Args:
            app: The fleet's app, or one with the same broker and result backend.
            seal: Opens and closes the recorder's messages with hidden arguments.
        """
        self._app = app
        self._seal = seal
        self._headers = HeaderKeeper(app, seal)

    def refusals(self, session: Session, run: RecordedRun) -> tuple[str, dict[str, str]]:
        """Return why a run can't be frozen anew, and why single messages of it can't; empty where they can.

        Raises:
            ServiceUnavailableError: database or result backend are away.
        """
        refused = dict[str, str]()
        try:
            left, refused = self._left(session, run)
            self._judge(session, run, left, refused)
        except RefusedError as error:
            return str(error), refused
        return "", refused

    def freeze(self, session: Session, run: RecordedRun) -> tuple[str, list[ResumeMessage]]:
        """Write down the new run and its messages, and have its chords begin with what is there.

        Returns:
            Id of the new run, and its messages.

        Raises:
            RefusedError: the run can't be resumed now, or not at all.
            ServiceUnavailableError: database or result backend are away.
        """
        left, refused = self._left(session, run)
        names, headers = self._judge(session, run, left, refused)
        at, new_run_id = now(session), str(uuid4())
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

    def _anew(self, item: _Left, names: Mapping[str, str], run_id: str, at: datetime) -> ResumeMessage:
        args, kwargs, embed = item.body
        headers, embed = renamed(item.message.headers, embed, names, run_id)
        headers, properties = renewed(headers, item.message.properties, at)
        properties["correlation_id"] = headers["id"]
        content = serialise(self._app, item.row.name, (args, kwargs, embed))
        row = renamed_execution(item.row, headers, at)
        return ResumeMessage(item.row.task_id, row, headers, properties, content)

    def _remember(self, session: Session, item: _Left, anew: ResumeMessage, at: datetime) -> None:
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

    def _left(self, session: Session, run: RecordedRun) -> tuple[list[_Left], dict[str, str]]:
        """Return the messages that the run goes on with, and why others can't be read.

        Raises:
            RefusedError: the run can't be resumed now, or not at all.
        """
        resumed_as = run.row.parameters.get(RESUMED_AS)
        if resumed_as:
            raise RefusedError(f"it was resumed already, as run {resumed_as}")
        if not run.open:
            raise RefusedError("nothing of it is left to run")
        at = now(session)
        busy = [row for row in run.open if row.state in _BUSY]
        if busy:
            raise RefusedError(
                f"{_words(busy)} still running: resume it after the end, or that work would be done twice"
            )
        # One that a worker keeps for later is discarded by that worker when its time comes.
        waiting = [
            row for row in run.open if row.state in UNFINISHED and not (row.eta is not None and row.eta > at)
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
        self, session: Session, run: RecordedRun, left: list[_Left], refused: Mapping[str, str]
    ) -> tuple[dict[str, str], list[HeaderParts]]:
        """Return new ids for all that is left, and the headers that are under way.

        Raises:
            RefusedError: something of it would never run, or run without what it waits for.
        """
        if refused:
            task_id, reason = next(iter(refused.items()))
            raise RefusedError(f"{len(refused)} of its steps can't be frozen anew: {task_id}: {reason}")
        ids = [one for item in left for one in ids_of(item.message.headers, item.body[2])]
        done = {row.task_id for row in run.executions.values() if row.state in SUCCEEDED}
        names = {one: str(uuid4()) for one in ids if one not in done}
        lost = run.lost(names)
        if lost:
            raise RefusedError(
                f"{_words(lost)} yet to come, and no recorded message leads there: start the workflow again"
            )
        slots: dict[str, set[str]] = {}
        bodies: dict[str, frozenset[str]] = {}
        for item in left:
            for slot in chord_slots(item.message.headers, item.body[2]):
                slots.setdefault(slot["group_id"], set()).add(slot["task_id"])
                bodies[slot["group_id"]] = ids_within(slot["body"])
        run_id = run.row.run_id
        return names, [
            self._headers.read(session, run_id, group_id, ids, bodies[group_id])
            for group_id, ids in slots.items()
        ]


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


def _words(rows: Iterable[TaskExecutionRow | WorkflowStepRow]) -> str:
    found = list(rows)
    named = f"{found[0].name} {found[0].task_id}"
    return f"{len(found)} tasks ({named}, …) are" if len(found) > 1 else f"{named} is"
