"""Queues that nobody consumes, by neglect or because somebody paused them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from earthgazer_core.operations.doctor.checks.check import Check, counted, listed, span
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Observations, Pause
from earthgazer_core.operations.doctor.remedy import Cure, Remedy


def _without_consumer(seen: Observations) -> Iterator[Finding]:
    paused = {pause.queue for pause in seen.pauses}
    for queue in seen.broker.snapshot.queues if seen.broker else ():
        if not seen.has_asked or not queue.depth or queue.consumers or queue.name in paused:
            continue
        if seen.broker and queue.name in seen.broker.undelivered:
            continue
        evidence = f"{counted(queue.depth, 'message')}, and no worker that answered consumes it"
        severity = Severity.CRITICAL
        if seen.silent_listeners:
            severity = Severity.WARNING
            evidence += f"; {counted(seen.silent_listeners, 'worker')} did not answer"
        yield finding(
            WITHOUT_CONSUMER.id, severity, f"queue {queue.name}", evidence, seen.worker_command(queue.name)
        )


def _undelivered(seen: Observations) -> Iterator[Finding]:
    for queue in seen.broker.snapshot.queues if seen.broker else ():
        purposes = seen.broker.undelivered.get(queue.name) if seen.broker else None
        if purposes is None or not queue.depth or queue.consumers:
            continue
        name = shlex.quote(queue.name)
        known = [to_queue for to_queue in purposes if to_queue]
        meant = f" (meant for {listed(known)})" if known else ""
        yield finding(
            UNDELIVERED.id, Severity.CRITICAL, f"queue {queue.name}",
            f"{counted(queue.depth, 'message')}{meant} that no binding led to a queue, as after Redis was"
            " emptied: no worker reads them here",
            f"earthgazer queues peek {name}; then"
            f" earthgazer queues move {name} --all --to {shlex.quote(known[0]) if known else 'QUEUE'}",
            Remedy(Cure.DELIVER, (queue.name,)) if known else None,
        )  # fmt: skip


def _paused(seen: Observations) -> Iterator[Finding]:
    depths = {queue.name: queue.depth for queue in seen.broker.snapshot.queues} if seen.broker else {}
    for pause in seen.pauses:
        evidence = (
            f"paused by {pause.who} {span((seen.at - pause.at).total_seconds())} ago,"
            f" {counted(depths.get(pause.queue, 0), 'message')} waiting"
        )
        again = [worker.name for worker in seen.consumers(pause.queue)]
        yield finding(
            PAUSED.id, Severity.WARNING, f"queue {pause.queue}",
            f"{evidence}; {listed(again)} consumes it all the same" if again else evidence,
            "earthgazer queues paused --enforce" if again else resume_command(pause),
            Remedy(Cure.PAUSE_AGAIN if again else Cure.RESUME_QUEUE, (pause.queue,)),
        )  # fmt: skip
    paused = {name for pause in seen.pauses for name in pause.consumers}
    for worker in seen.workers:
        if worker.report.queues or worker.name in paused:
            continue
        default = str((worker.conf or {}).get("task_default_queue", "celery"))
        yield finding(
            PAUSED.id, Severity.WARNING, f"worker {worker.name}",
            "it consumes no queue: every consumer was cancelled",
            seen.command("control", "-d", worker.name, "add_consumer", default),
            Remedy(Cure.ADD_CONSUMER, (worker.name, default)),
        )  # fmt: skip


def resume_command(pause: Pause) -> str:
    """Return the command that lets a paused queue go on."""
    return f"earthgazer queues resume {shlex.quote(pause.queue)}"


def _unregistered(seen: Observations) -> Iterator[Finding]:
    found: dict[tuple[str, str], list[str]] = {}
    for message in seen.broker.waiting if seen.broker else ():
        if strangers(seen, message.queue, message.name):
            found.setdefault((message.queue, message.name), []).append(message.task_id)
    for (queue, name), ids in found.items():
        unknown = strangers(seen, queue, name)
        consumers = seen.consumers(queue)
        everyone = len(unknown) == len(consumers)
        yield finding(
            UNREGISTERED.id,
            Severity.CRITICAL if everyone else Severity.WARNING,
            f"task {name} in queue {queue}",
            f"{counted(len(ids), 'message')} such as {ids[0]}, and"
            f" {'no consumer' if everyone else f'of {len(consumers)} consumers not {listed(unknown)}'}"
            " has registered it: whoever takes it throws it away",
            f"restart {listed(unknown)} with the code that defines {name}",
        )


def strangers(seen: Observations, queue: str, name: str) -> tuple[str, ...]:
    """Return the consumers of a queue that don't know a task."""
    return tuple(
        worker.name
        for worker in seen.consumers(queue)
        if worker.registered is not None and name not in worker.registered
    )


WITHOUT_CONSUMER = Check(
    "queue-without-consumer", "Does a worker consume every queue that has messages?", _without_consumer
)
PAUSED = Check("queue-paused", "Was a queue paused and forgotten?", _paused)
UNDELIVERED = Check(
    "message-undelivered", "Do messages lie where no binding leads to a worker?", _undelivered
)
UNREGISTERED = Check(
    "task-unregistered", "Do the consumers of a queue know the tasks that wait in it?", _unregistered
)
