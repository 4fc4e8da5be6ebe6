"""Bringing back messages that the record knows and the broker has lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from celery import Celery
from sqlalchemy import select

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskExecutionRow, TaskMessageRow
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations import audit
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.republish import publish
from earthgazer_core.recorder.message import Seal
from earthgazer_core.recorder.reconcile import LostTask, missing, note_republished, unfinished


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a reconciliation found and did."""

    lost: tuple[LostTask, ...]
    """Tasks that were nowhere."""
    republished: tuple[str, ...]
    """Of those, the ones whose message is on its way again; empty on a dry run."""
    refused: tuple[tuple[str, str], ...]
    """(task, reason) of the others."""


def reconcile(
    database: Database,
    app: Celery,
    broker: RedisBroker,
    mailbox: Mailbox,
    expected: Sequence[str],
    *,
    grace_s: float = 60.0,
    with_begun: bool = False,
    dry_run: bool = False,
    encryption_key: str | None = None,
    timeout_s: float = 5.0,
    context: str | None = None,
) -> Reconciled:
    """Publish again the recorded, unfinished messages that no queue and no worker has.

    The record is read before and after looking around, so a task that ended or moved meanwhile is not
    taken for lost.

    Args:
        database: Where the flight recorder writes.
        app: The fleet's app.
        broker: Its broker.
        mailbox: Where to ask workers.
        expected: Every worker there is; each has to answer, or what it runs would look lost.
        grace_s: Seconds of silence before a task can count as lost.
        with_begun: Also tasks that a worker had begun; for idempotent ones.
        dry_run: Only look.
        encryption_key: Fernet key of the recorder.
        timeout_s: Longest time to wait for workers.
        context: Name of the fleet, for the audit.

    Raises:
        RefusedError: an expected worker did not answer.
        ServiceUnavailableError: a server is away.
    """
    with database.session() as session:
        candidates = unfinished(session, grace_s=grace_s, with_begun=with_begun)
    if not candidates:
        return Reconciled((), (), ())
    present = _on_workers(mailbox, expected, timeout_s)
    queues = broker.queue_names(also={task.queue for task in candidates if task.queue})
    present |= {message.task_id for message in broker.messages(queues)}
    # A message on its way from a queue to a worker while we looked is seen by a second look.
    present |= _on_workers(mailbox, expected, timeout_s)
    lost = missing(candidates, present)
    if dry_run or not lost:
        return Reconciled(lost, (), ())
    republished, refused = [], []
    seal = Seal(encryption_key)
    for task in lost:
        reason = _republish(database, app, seal, task)
        if reason:
            refused.append((task.task_id, reason))
        else:
            republished.append(task.task_id)
    target = {"task_ids": republished}
    audit.record(database, "tasks.reconcile", target, "done", {"refused": dict(refused)}, context)
    return Reconciled(lost, tuple(republished), tuple(refused))


def _on_workers(mailbox: Mailbox, expected: Sequence[str], timeout_s: float) -> set[str]:
    commands = ("active", "reserved", "scheduled")
    told = mailbox.ask_many([(command, {}) for command in commands], expected=expected, timeout_s=timeout_s)
    silent = {worker for answers in told.values() for worker in answers.silent}
    if silent:
        raise RefusedError(
            f"{', '.join(sorted(silent))} did not answer: what they hold can't be told from what is lost"
        )
    present = set()
    for command in commands:
        for tasks in told[command].values.values():
            for task in tasks if isinstance(tasks, list) else ():
                request = task.get("request", task) if isinstance(task, dict) else {}
                present.add(str(request.get("id")))
    return present


def _republish(database: Database, app: Celery, seal: Seal, task: LostTask) -> str:
    """Publish one message again; return why not, or nothing."""
    with database.session() as session:
        row = session.scalar(
            select(TaskExecutionRow).where(TaskExecutionRow.task_id == task.task_id).with_for_update()
        )
        message = session.get(TaskMessageRow, task.task_id)
        if row is None or message is None or (row.state, row.updated_at) != (task.state, task.silent_since):
            return "it has moved on meanwhile"
        try:
            body = seal.open(message.body) if message.is_sealed else message.body
        except RefusedError as error:
            return str(error)
        content = (message.content_type, message.content_encoding, body)
        publish(app, message.headers, message.properties, content, row.queue)
        note_republished(session, task.task_id, datetime.now(UTC))
    return ""
