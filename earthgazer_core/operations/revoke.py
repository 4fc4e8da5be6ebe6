"""Revoking tasks, with what each worker said; a process is ended only when it is known to run the task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.operations import audit
from earthgazer_core.operations.mailbox import Answer, Answers, Mailbox
from earthgazer_core.operations.pools import pool_name
from earthgazer_core.recorder.order import REPLACED, UNFINISHED

_TERMINABLE = ("prefork", "eventlet", "gevent")


@dataclass(frozen=True, slots=True)
class RevokeResult:
    """What became of a wish to revoke."""

    revoked: tuple[str, ...]
    """Tasks that workers were told to discard, or whose process was ended."""
    terminated: Mapping[str, str]
    """Task → worker whose process was ended."""
    refused: Mapping[str, str]
    """Task → why it was left alone."""
    answers: Answers
    """What the workers said."""


def revoke(
    database: Database | None,
    mailbox: Mailbox,
    task_ids: Iterable[str],
    *,
    terminate: bool = False,
    signal: str = "SIGTERM",
    expected: Sequence[str] = (),
    timeout_s: float = 2.0,
    context: str | None = None,
) -> RevokeResult:
    """Have workers discard tasks that have not ended.

    A worker only notes the ids: a waiting message stays in its queue until a worker takes and discards
    it, and a running task runs on unless ``terminate`` ends its process. Workers that are down now
    never hear of it.

    Args:
        database: Where the flight recorder writes; without it the caller answers for the ids.
        mailbox: Where to ask.
        task_ids: What to revoke. A task that has ended is refused: its id would be poisoned for a retry.
        terminate: Also end the process of one that runs, after a worker has confirmed that it runs it.
        signal: How to end it.
        expected: Workers known to exist.
        timeout_s: Longest time to wait for answers.
        context: Name of the fleet, for the audit.

    Raises:
        ServiceUnavailableError: broker or database are away.
    """
    wanted = list(dict.fromkeys(task_ids))
    refused = {} if database is None else _ended(database, wanted)
    open_ids = [task_id for task_id in wanted if task_id not in refused]
    targets: dict[str, str] = {}
    if terminate and open_ids:
        targets, hopeless = _running(mailbox, open_ids, expected, timeout_s)
        refused |= hopeless
        open_ids = [task_id for task_id in open_ids if task_id not in refused]
    answers = Answers((), ())
    terminated: dict[str, str] = {}
    if open_ids:
        answers = mailbox.ask("revoke", {"task_id": open_ids}, expected=expected, timeout_s=timeout_s)
        for task_id, worker in targets.items():
            if task_id not in refused:
                ended = _terminate(mailbox, task_id, worker, signal, timeout_s)
                answers = Answers((*answers.answers, *ended.answers), (*answers.silent, *ended.silent))
                if ended.is_ok:
                    terminated[task_id] = worker
    if database is not None:
        detail = {"refused": refused, "terminated": terminated, **words(answers)}
        outcome = "done" if open_ids else "refused"
        action = "task.terminate" if terminate else "task.revoke"
        audit.record(database, action, {"task_ids": open_ids or wanted}, outcome, detail, context)
    return RevokeResult(tuple(open_ids), terminated, refused, answers)


def words(answers: Answers) -> dict[str, Any]:
    """Return what workers said, for the audit."""
    return {
        "answers": {answer.worker: answer.text[:200] for answer in answers.answers},
        "silent": list(answers.silent),
    }


def _ended(database: Database, task_ids: Sequence[str]) -> dict[str, str]:
    with database.session() as session:
        rows = session.execute(
            select(TaskExecutionRow.task_id, TaskExecutionRow.state).where(
                TaskExecutionRow.task_id.in_(task_ids)
            )
        )
        return {
            task_id: f"it is {state}: it has ended"
            for task_id, state in rows
            if state not in (*UNFINISHED, REPLACED)
        }


def _running(
    mailbox: Mailbox, task_ids: Sequence[str], expected: Sequence[str], timeout_s: float
) -> tuple[dict[str, str], dict[str, str]]:
    """Return (task → the worker that runs it, task → why it can't be ended)."""
    found = mailbox.ask_many(
        [("query_task", {"ids": list(task_ids)}), ("stats", {})], expected=expected, timeout_s=timeout_s
    )
    stats = found["stats"].values
    workers: dict[str, list[str]] = {}
    for worker, known in found["query_task"].values.items():
        for task_id, info in known.items() if isinstance(known, dict) else ():
            if isinstance(info, list) and info and info[0] == "active" and _pid(info) is not None:
                workers.setdefault(task_id, []).append(worker)
    targets, refused = {}, {}
    for task_id in task_ids:
        match workers.get(task_id, []):
            case []:
                continue
            case [worker]:
                pool = _pool(stats.get(worker))
                if pool in _TERMINABLE:
                    targets[task_id] = worker
                else:
                    refused[task_id] = (
                        f"it runs on {worker}, whose {pool or 'unknown'} pool can't end a task:"
                        " Celery would call it revoked while it runs on"
                    )
            case several:
                refused[task_id] = (
                    f"{len(several)} workers say that they run it: {', '.join(sorted(several))}"
                )
    return targets, refused


def _terminate(mailbox: Mailbox, task_id: str, worker: str, signal: str, timeout_s: float) -> Answers:
    """End the process of a task on one worker, if that worker still runs it there."""
    again = mailbox.ask("query_task", {"ids": [task_id]}, destination=[worker], timeout_s=timeout_s).values
    info = (again.get(worker) or {}).get(task_id)
    if not (isinstance(info, list) and info and info[0] == "active" and _pid(info) is not None):
        return Answers((Answer(worker, {"error": "it ended before its process could be"}, 0.0),), ())
    return mailbox.ask(
        "revoke",
        {"task_id": [task_id], "terminate": True, "signal": signal},
        destination=[worker],
        timeout_s=timeout_s,
    )


def _pid(info: Sequence[Any]) -> int | None:
    pid = info[1].get("worker_pid") if len(info) > 1 and isinstance(info[1], dict) else None
    return pid if isinstance(pid, int) else None


def _pool(stats: Any) -> str:
    return pool_name(stats) if isinstance(stats, dict) else ""
