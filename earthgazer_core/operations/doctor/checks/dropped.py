"""Tasks that the record waits for though nobody has their message: dropped, refused or unknown to workers."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from kombu import serialization

from earthgazer_core.operations.doctor.checks.check import Check, counted, listed, span
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Idle, Observations
from earthgazer_core.operations.doctor.remedy import Cure, Remedy

_MOST_HELD = 5_000
"""Held messages that are looked at: of more, not every one is known."""
_TYPES: dict[str, str] = serialization.registry.name_to_type  # type: ignore[attr-defined]


def _nowhere(seen: Observations) -> Iterator[Idle]:
    """Yield the tasks of which it is sure that no queue and no worker has them."""
    broker, database = seen.broker, seen.database
    if broker is None or database is None or broker.snapshot.unacked is None:
        return
    if broker.snapshot.unacked >= _MOST_HELD:
        return
    depths = {queue.name: queue.depth for queue in broker.snapshot.queues}
    looked_at: dict[str, int] = {}
    for message in broker.waiting:
        looked_at[message.queue] = looked_at.get(message.queue, 0) + 1
    if any(depth > looked_at.get(name, 0) for name, depth in depths.items()):
        # What is deep in a long queue was not looked at, and it may be any of them.
        return
    known = {message.task_id for message in seen.messages()}
    for worker in seen.workers:
        known |= {one.task_id for one in worker.report.active}
        known |= {one.task_id for one in (*worker.reserved, *worker.scheduled)}
    for one in database.idle:
        if one.task_id not in known and (seen.at - one.since).total_seconds() > seen.thresholds.nowhere_s:
            yield one


def _grouped(tasks: Iterable[Idle]) -> Iterator[tuple[str, list[Idle]]]:
    groups: dict[str, list[Idle]] = {}
    for one in tasks:
        where = f" for queue {one.queue}" if one.queue else ""
        groups.setdefault(f"task {one.name}{where}", []).append(one)
    yield from groups.items()


def _such_as(seen: Observations, tasks: list[Idle]) -> str:
    oldest = min(tasks, key=lambda one: one.since)
    silent_s = (seen.at - oldest.since).total_seconds()
    return f"{counted(len(tasks), 'task')} such as {oldest.task_id}, {span(silent_s)}"


def _gone(seen: Observations) -> Iterator[Finding]:
    for subject, tasks in _grouped(_nowhere(seen)):
        words = f"{_such_as(seen, tasks)} without a word: no queue and no worker has its message"
        reader = _refuser(seen, tasks[0])
        if reader:
            # Sent again as it is, it would be thrown away again.
            yield finding(
                GONE.id, Severity.CRITICAL, subject,
                f"{words}; it is {tasks[0].content_type}, which {reader} throws away unread",
                f"let accept_content of {reader} name it, or publish as JSON; then earthgazer reconcile",
            )  # fmt: skip
            continue
        if exchange := tasks[0].exchange:
            # Sent again before that leads anywhere, it would be dropped again.
            yield finding(
                GONE.id, Severity.CRITICAL, subject,
                f"{words}; it was sent to the exchange {exchange}, and the broker drops what no binding leads"
                " to a queue unless broker_transport_options['deadletter_queue'] says where to keep it",
                f"start a worker whose task_queues bind {tasks[0].queue or 'a queue'} to {exchange};"
                " then earthgazer reconcile",
            )  # fmt: skip
            continue
        yield finding(
            GONE.id, Severity.CRITICAL, subject, f"{words}; it was dropped, or lost with an emptied broker",
            "earthgazer reconcile", Remedy(Cure.RECONCILE),
        )  # fmt: skip


def _refuser(seen: Observations, task: Idle) -> str:
    """Return the consumers of its queue that don't read its content; empty where one may have."""
    consumers = seen.consumers(task.queue or "")
    if not consumers or not task.content_type:
        return ""
    for worker in consumers:
        accepted = (worker.conf or {}).get("accept_content") or ["json"]
        types = {_TYPES.get(str(name), str(name)) for name in accepted}
        if worker.conf is None or task.content_type in types:
            return ""
    return listed(worker.name for worker in consumers)


def _unknown(seen: Observations) -> Iterator[Finding]:
    for one in seen.database.unknown if seen.database is not None else ():
        yield finding(
            UNKNOWN.id, Severity.CRITICAL, f"task {one.name}",
            f"{counted(len(one.task_ids), 'message')} such as {one.task_ids[0]} thrown away by"
            f" {listed(one.workers)}: no code for it there",
            f"restart {listed(one.workers)} with the code that defines {one.name}, then"
            f" earthgazer tasks retry {shlex.quote(one.task_ids[0])}",
            Remedy(Cure.RETRY, one.task_ids),
        )  # fmt: skip


GONE = Check("message-gone", "Is there a message for every task that waits?", _gone)
UNKNOWN = Check("task-thrown-away", "Did workers throw away tasks that they don't know?", _unknown)
