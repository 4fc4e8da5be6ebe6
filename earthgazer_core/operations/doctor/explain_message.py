"""Why the message of a task waits, in a queue or unacknowledged."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from earthgazer_core.operations.broker import Message
from earthgazer_core.operations.doctor.checks.check import counted, listed, span
from earthgazer_core.operations.doctor.checks.messages import (
    header_time,
    is_expired,
    rate_limit,
    revokers,
    waits_beyond_timeout,
)
from earthgazer_core.operations.doctor.checks.queues import resume_command, strangers
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Observations
from earthgazer_core.operations.doctor.remedy import Cure, Remedy
from earthgazer_core.operations.doctor.see_task import TaskSeen


def why_queued(seen: Observations, task: TaskSeen) -> Iterator[Finding]:
    """Yield why a message is still in its queue, and what will become of it."""
    if task.place is None:
        return
    message, ahead = task.place.message, task.place.ahead
    subject = _subject(message)
    consumers = seen.consumers(message.queue)
    place = f"it waits in queue {message.queue} with {counted(ahead, 'message')} before it"
    if not consumers and seen.has_asked:
        yield _unconsumed(seen, message, place)
    yield from _doomed(seen, message)
    unknown = strangers(seen, message.queue, message.name)
    if unknown:
        yield finding(
            "task-unregistered",
            Severity.CRITICAL if len(unknown) == len(consumers) else Severity.WARNING, subject,
            f"{listed(unknown)} of {counted(len(consumers), 'consumer')} has not registered"
            f" {message.name} and throws it away",
            f"restart {listed(unknown)} with the code that defines {message.name}",
        )  # fmt: skip
    if waits_beyond_timeout(seen, message):
        yield finding(
            "eta-beyond-visibility-timeout", Severity.WARNING, subject,
            "its time is beyond the visibility timeout: it will run more than once",
            "raise broker_transport_options['visibility_timeout'] above the longest countdown",
        )  # fmt: skip
    if consumers:
        empty = [worker.name for worker in consumers if worker.report.pool_size == 0]
        busy = [worker for worker in consumers if worker.is_full]
        if len(empty) == len(consumers):
            yield finding(
                "pool-empty", Severity.CRITICAL, subject,
                f"{place}, and no consumer has a process: {listed(empty)}",
                seen.command("control", "-d", empty[0], "pool_grow", "1"),
                Remedy(Cure.GROW_POOL, (empty[0],)),
            )  # fmt: skip
        elif len(busy) == len(consumers):
            running = listed(f"{one.name} {one.task_id}" for worker in busy for one in worker.report.active)
            evidence = f"{place}, and every process of {listed(one.name for one in busy)} is busy: {running}"
            yield finding("consumers-busy", Severity.INFO, subject, evidence, "wait, or add processes")
        else:
            evidence = f"{place}; consumed by {listed(worker.name for worker in consumers)}"
            yield finding("task-queued", Severity.INFO, subject, evidence, "wait")


def why_held(seen: Observations, task: TaskSeen) -> Iterator[Finding]:
    """Yield why a message is unacknowledged although no worker that answered says that it has the task."""
    if task.place is None:
        return
    message = task.place.message
    subject = _subject(message)
    yield from _doomed(seen, message)
    rate = rate_limit(seen, message)
    if rate:
        yield finding(
            "rate-limited", Severity.INFO, subject, f"a worker holds it back: at most {rate} may run",
            seen.command("control", "rate_limit", message.name, "0"),
            Remedy(Cure.LIFT_RATE_LIMIT, (message.name,)),
        )  # fmt: skip
        return
    age_s = message.age_s or 0.0
    timeout_s = seen.broker.snapshot.visibility_timeout_s if seen.broker else 0.0
    held = f"a worker took it from queue {message.queue} {span(age_s)} ago"
    eta = header_time(message, "eta")
    if eta is not None and eta > seen.at:
        held += f" to run it in {span((eta - seen.at).total_seconds())}"
    if seen.silent_listeners:
        who = f" ({task.recorded.worker} by the record)" if task.recorded and task.recorded.worker else ""
        yield finding(
            "task-on-silent-worker", Severity.WARNING, subject,
            f"{held}{who} and {counted(seen.silent_listeners, 'worker')} answer nothing:"
            " a busy solo pool, or stuck",
            "earthgazer workers",
        )  # fmt: skip
        return
    holder = task.recorded.worker if task.recorded and task.recorded.state == "RECEIVED" else None
    if holder in {worker.name for worker in seen.workers} and eta is None:
        yield finding(
            "task-held-back", Severity.WARNING, subject,
            f"{holder} took it {span(age_s)} ago, answers, and does not list it: most likely a rate limit of"
            " then holds it back, which Celery keeps to itself",
            f"restart {holder}, which gives it back",
        )  # fmt: skip
        return
    back = f"in {span(timeout_s - age_s)}" if age_s < timeout_s else "at the next sweep of a worker"
    yield finding(
        "task-holder-gone", Severity.WARNING, subject,
        f"{held} and no worker has it now: that one died. It comes back {back}, after the visibility timeout",
        seen.worker_command(message.queue),
    )  # fmt: skip


def _doomed(seen: Observations, message: Message) -> Iterator[Finding]:
    by = revokers(seen, message.task_id)
    again = f"earthgazer tasks retry --copy {shlex.quote(message.task_id)}"
    if by:
        yield finding(
            "revoked-id-waits", Severity.WARNING, _subject(message),
            f"{listed(by)} holds its id as revoked and will throw it away", again,
        )  # fmt: skip
    expires = header_time(message, "expires")
    if expires is not None and is_expired(seen, message):
        yield finding(
            "message-expired", Severity.WARNING, _subject(message),
            f"it expired {span((seen.at - expires).total_seconds())} ago and will be thrown away", again,
        )  # fmt: skip


def _unconsumed(seen: Observations, message: Message, place: str) -> Finding:
    subject = _subject(message)
    for pause in seen.pauses:
        if pause.queue == message.queue:
            return finding(
                "queue-paused", Severity.WARNING, subject,
                f"{place}, which {pause.who} paused {span((seen.at - pause.at).total_seconds())} ago",
                resume_command(pause), Remedy(Cure.RESUME_QUEUE, (pause.queue,)),
            )  # fmt: skip
    silent = seen.silent_listeners
    evidence = f"{place}, and no worker that answered consumes that queue"
    if silent:
        evidence += f"; {counted(silent, 'worker')} did not answer"
    return finding(
        "queue-without-consumer", Severity.WARNING if silent else Severity.CRITICAL, subject, evidence,
        seen.worker_command(message.queue),
    )  # fmt: skip


def _subject(message: Message) -> str:
    return f"task {message.name} {message.task_id}"
