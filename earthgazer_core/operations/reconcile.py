"""Bringing record and broker together again: messages lost here, ends lost there, chords left waiting."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from celery import Celery
from sqlalchemy import func, select

from earthgazer_core.db.session import Database, now
from earthgazer_core.db.tables import TaskExecutionRow, TaskMessageRow
from earthgazer_core.errors import NotFoundError, RefusedError, UnsureError
from earthgazer_core.operations import audit
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.republish import publish
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.operations.unrecorded_end import known_end, record_end
from earthgazer_core.operations.waiting_bodies import waiting_bodies
from earthgazer_core.recorder.message import Seal
from earthgazer_core.recorder.reconcile import LostTask, may_be_lost, missing, note_republished, unfinished

_LOCK = 0x72636E63  # "rcnc": any number that all reconcilers share and nobody else uses
_COMMANDS = ("active", "reserved", "scheduled")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a reconciliation found and did."""

    lost: tuple[LostTask, ...]
    """Tasks that were nowhere."""
    republished: tuple[str, ...]
    """Of those, the ones whose message is on its way again; empty on a dry run."""
    refused: tuple[tuple[str, str], ...]
    """(task, reason) of the others."""
    ended: tuple[str, ...] = ()
    """Tasks whose end only the result backend knew; on the record now, but for a dry run."""
    bodies: tuple[str, ...] = ()
    """Tasks that waited for a chord that was complete, and are published now, but for a dry run."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing was found."""
        return not (self.lost or self.ended or self.bodies or self.refused)

    @property
    def summary(self) -> str:
        """One line."""
        if self.is_idle:
            return "nothing is lost"
        words = f"{len(self.lost)} lost, {len(self.republished)} published again"
        words += f", {len(self.ended)} ended unrecorded" if self.ended else ""
        words += f", {len(self.bodies)} bodies of chords" if self.bodies else ""
        return f"{words}, {len(self.refused)} not: {self.refused[0][1]}" if self.refused else words


def reconcile(
    database: Database,
    app: Celery,
    broker: RedisBroker,
    mailbox: Mailbox,
    expected: Sequence[str] = (),
    *,
    grace_s: float = 60.0,
    begun_grace_s: float | None = None,
    dry_run: bool = False,
    encryption_key: str | None = None,
    timeout_s: float = 5.0,
    context: str | None = None,
) -> Reconciled:
    """Publish again the recorded, unfinished messages that no queue and no worker has.

    Of those that ended by what the result backend knows, the end is written down instead. Bodies of chords
    whose header is complete are published where the chord's own count was lost.

    The record is read before and after looking around, so a task that ended or moved meanwhile is not
    taken for lost. What has a result is left alone: its record is only late.

    Args:
        database: Where the flight recorder writes.
        app: The fleet's app.
        broker: Its broker.
        mailbox: Where to ask workers.
        expected: Workers that are known; each has to answer, or what it runs would look lost. Every other
            worker that hears commands has to answer as well.
        grace_s: Seconds of silence before a task can count as lost.
        begun_grace_s: Likewise for tasks that a worker had begun; None never publishes those again. For
            idempotent ones, and above the hard time limit.
        dry_run: Only look.
        encryption_key: Fernet key of the recorder.
        timeout_s: Longest time to wait for workers.
        context: Name of the fleet, for the audit.

    Raises:
        RefusedError: a worker did not answer, or somebody else reconciles at this moment.
        ServiceUnavailableError: a server is away.
    """
    with reconciling(database):
        nowhere = _nowhere(database, app, broker, mailbox, expected, grace_s, timeout_s)
        ends = {task: end for task in nowhere if (end := known_end(app, task)) is not None}
        with database.session() as session:
            at, bodies = now(session), waiting_bodies(session, grace_s=grace_s)
        lost = tuple(task for task in nowhere if task not in ends and may_be_lost(task, at, begun_grace_s))
        if dry_run:
            return Reconciled(lost, (), (), tuple(task.task_id for task in ends), bodies)
        seal = Seal(encryption_key)
        ended = tuple(
            task.task_id for task, end in ends.items() if record_end(database, app, seal, task, end)
        )
        republished, refused = [], []
        for task in lost:
            reason = _republish(database, app, seal, task)
            if reason:
                refused.append((task.task_id, reason))
            else:
                republished.append(task.task_id)
        sent, unsent = _publish_bodies(Retrier(database, app, encryption_key=encryption_key), bodies)
        done = Reconciled(lost, tuple(republished), (*refused, *unsent), ended, sent)
        if lost or ended or sent:
            target = {"task_ids": [*republished, *sent]}
            detail = {"refused": dict(done.refused), "ended": list(ended)}
            audit.record(database, "tasks.reconcile", target, "done", detail, context)
        return done


@contextmanager
def reconciling(database: Database) -> Iterator[None]:
    """Hold a lock that ends with our connection, so that nobody else publishes the same messages.

    Raises:
        RefusedError: somebody else holds it.
    """
    with database.session() as session:
        if not session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
            raise RefusedError("somebody else reconciles at this moment: look again when that is done")
        yield


def _nowhere(
    database: Database,
    app: Celery,
    broker: RedisBroker,
    mailbox: Mailbox,
    expected: Sequence[str],
    grace_s: float,
    timeout_s: float,
) -> tuple[LostTask, ...]:
    with database.session() as session:
        candidates = unfinished(session, grace_s=grace_s)
    queues = {task.queue for task in candidates if task.queue}
    # A message on its way from a queue to a worker, or back, while we look is seen by the second look.
    for _ in range(2):
        if candidates:
            candidates = missing(candidates, _on_workers(broker, mailbox, expected, timeout_s))
            candidates = missing(candidates, _in_broker(broker, queues))
    return candidates


def _in_broker(broker: RedisBroker, queues: Collection[str]) -> set[str]:
    return {message.task_id for message in broker.messages(broker.queue_names(also=queues))}


def _on_workers(broker: RedisBroker, mailbox: Mailbox, expected: Sequence[str], timeout_s: float) -> set[str]:
    told = mailbox.ask_many([(command, {}) for command in _COMMANDS], timeout_s=timeout_s)
    answered = {name: told[name].values for name in _COMMANDS}
    silent = {name for name in expected if any(name not in values for values in answered.values())}
    if silent:
        raise RefusedError(
            f"{', '.join(sorted(silent))} did not answer: what they hold can't be told from what is lost"
        )
    unheard = broker.listeners() - min(len(told[name].answers) for name in _COMMANDS)
    if unheard > 0:
        raise RefusedError(
            f"{unheard} of the workers that hear commands did not answer:"
            " what they hold can't be told from what is lost"
        )
    present = set()
    for values in answered.values():
        for tasks in values.values():
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
        try:
            publish(app, message.headers, message.properties, content, row.queue)
        except UnsureError as error:
            # It counts as sent, and is looked for again when its grace is over.
            note_republished(session, task.task_id)
            return str(error)
        except RefusedError as error:
            return str(error)
        note_republished(session, task.task_id)
    return ""


def _publish_bodies(
    retrier: Retrier, task_ids: Iterable[str]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Publish bodies from what their chords' members gave; return which, and (task, reason) of the others."""
    sent, unsent = [], []
    for task_id in task_ids:
        try:
            retrier.retry(task_id)
        except (RefusedError, NotFoundError, UnsureError) as error:
            unsent.append((task_id, str(error)))
        else:
            sent.append(task_id)
    return tuple(sent), tuple(unsent)
