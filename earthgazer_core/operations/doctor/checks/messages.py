"""Messages that will not run, or not as meant: too late, too early, revoked, held back."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from earthgazer_core.operations.broker import Message
from earthgazer_core.operations.doctor.checks.check import Check, counted, listed, span
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Observations
from earthgazer_core.operations.doctor.remedy import Cure, Remedy


def header_time(message: Message, name: str) -> datetime | None:
    """Return the time in a header, ``eta`` or ``expires``; None where there is none that can be read."""
    value = message.headers.get(name)
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def is_expired(seen: Observations, message: Message) -> bool:
    """Whether whoever takes it will refuse it as too old."""
    expires = header_time(message, "expires")
    return expires is not None and expires < seen.at


def waits_beyond_timeout(seen: Observations, message: Message) -> bool:
    """Whether it is handed to a second worker before its time has come."""
    eta = header_time(message, "eta")
    if eta is None or seen.broker is None:
        return False
    held_s = (eta - seen.at).total_seconds() + (message.age_s or 0.0)
    return eta > seen.at and held_s > seen.broker.snapshot.visibility_timeout_s


def revokers(seen: Observations, task_id: str) -> tuple[str, ...]:
    """Return the workers that will not run it."""
    return tuple(worker.name for worker in seen.workers if task_id in worker.revoked)


def rate_limit(seen: Observations, message: Message) -> str:
    """Return the rate at which consumers of its queue run its task; empty for as fast as they can."""
    rates = {worker.rate_limits.get(message.name, "") for worker in seen.consumers(message.queue)}
    return "" if "" in rates else listed(rates)


def _grouped(seen: Observations, wanted: Callable[[Message], object]) -> Iterator[tuple[str, list[Message]]]:
    groups: dict[str, list[Message]] = {}
    for message in seen.messages():
        if wanted(message):
            groups.setdefault(f"task {message.name} in queue {message.queue}", []).append(message)
    yield from groups.items()


def _expired(seen: Observations) -> Iterator[Finding]:
    # What a worker holds is refused when its turn comes, so only a queue tells of a backlog.
    for subject, messages in _grouped(seen, lambda one: one.where == "queue" and is_expired(seen, one)):
        since = header_time(messages[0], "expires") or seen.at
        yield finding(
            EXPIRED.id, Severity.WARNING, subject,
            f"{counted(len(messages), 'message')} such as {messages[0].task_id} expired"
            f" {span((seen.at - since).total_seconds())} ago and will be thrown away",
            seen.worker_command(messages[0].queue),
        )  # fmt: skip


def _eta(seen: Observations) -> Iterator[Finding]:
    for subject, messages in _grouped(seen, lambda one: waits_beyond_timeout(seen, one)):
        eta = header_time(messages[0], "eta") or seen.at
        timeout_s = seen.broker.snapshot.visibility_timeout_s if seen.broker else 0.0
        yield finding(
            ETA.id, Severity.WARNING, subject,
            f"{counted(len(messages), 'message')} such as {messages[0].task_id} waits"
            f" {span((eta - seen.at).total_seconds())} for its time, the visibility timeout is"
            f" {span(timeout_s)}: it will run more than once",
            "raise broker_transport_options['visibility_timeout'] above the longest countdown",
        )  # fmt: skip


def _revoked(seen: Observations) -> Iterator[Finding]:
    held = {one.task_id for worker in seen.workers for one in worker.report.active}
    for subject, messages in _grouped(
        seen, lambda one: one.task_id not in held and revokers(seen, one.task_id)
    ):
        first = messages[0].task_id
        yield finding(
            REVOKED.id, Severity.WARNING, subject,
            f"{counted(len(messages), 'message')} such as {first} will be thrown away:"
            f" {listed(revokers(seen, first))} holds the id as revoked",
            f"earthgazer tasks retry --copy {first}",
        )  # fmt: skip


def _rate_limited(seen: Observations) -> Iterator[Finding]:
    running = {one.task_id for worker in seen.workers for one in worker.report.active}
    for subject, messages in _grouped(seen, lambda one: one.task_id not in running and rate_limit(seen, one)):
        name = messages[0].name
        yield finding(
            RATE_LIMITED.id, Severity.INFO, subject,
            f"{counted(len(messages), 'message')} such as {messages[0].task_id} waits:"
            f" at most {rate_limit(seen, messages[0])} may run",
            seen.command("control", "rate_limit", name, "0"),
            Remedy(Cure.LIFT_RATE_LIMIT, (name,)),
        )  # fmt: skip


def _unread(seen: Observations) -> Iterator[Finding]:
    for one in seen.broker.unread if seen.broker is not None else ():
        severity = Severity.INFO if one.is_foreign_type else Severity.WARNING
        yield finding(
            UNREAD.id, severity, f"queue {one.queue}",
            f"{counted(one.count, 'message')} can't be read: {one.reason}"
            + ("; a worker that doesn't accept it throws it away" if one.is_foreign_type else ""),
            f"earthgazer queues peek {shlex.quote(one.queue)}",
        )  # fmt: skip
    if seen.unread_events:
        yield finding(
            UNREAD.id, Severity.WARNING, "events",
            f"{counted(seen.unread_events, 'message')} on the event channel could not be read:"
            " somebody publishes there who is no worker, or not as JSON",
            "event_serializer = 'json'",
        )  # fmt: skip


UNREAD = Check("message-unreadable", "Are there messages that can't be read?", _unread)
EXPIRED = Check("message-expired", "Do messages wait that have expired?", _expired)
ETA = Check(
    "eta-beyond-visibility-timeout", "Is a task's time further away than the visibility timeout?", _eta
)
REVOKED = Check("revoked-id-waits", "Do messages wait whose id is revoked?", _revoked)
RATE_LIMITED = Check("rate-limited", "Does a rate limit hold tasks back?", _rate_limited)
