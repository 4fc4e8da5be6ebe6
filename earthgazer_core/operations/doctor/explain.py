"""Why one task doesn't run, or what became of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from earthgazer_core.errors import EarthGazerError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.doctor.access import FleetAccess
from earthgazer_core.operations.doctor.checks.check import span
from earthgazer_core.operations.doctor.checks.workers import silence
from earthgazer_core.operations.doctor.deadline import Pending
from earthgazer_core.operations.doctor.explain_message import why_held, why_queued
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding, sorted_by_severity
from earthgazer_core.operations.doctor.gather import gather
from earthgazer_core.operations.doctor.observations import Observations
from earthgazer_core.operations.doctor.on_worker import on_worker
from earthgazer_core.operations.doctor.remedy import Cure, Remedy
from earthgazer_core.operations.doctor.see_amqp import find_waiting
from earthgazer_core.operations.doctor.see_task import (
    Earlier,
    Place,
    Recorded,
    TaskSeen,
    find_place,
    find_record,
    find_result_state,
)
from earthgazer_core.operations.queues.lever_broker import LeverBroker

T = TypeVar("T")

_ENDED = ("FAILURE", "REVOKED")
_FINE = ("SUCCESS", "IGNORED", "REPLACED")
_HELD = ("RECEIVED", "STARTED", "PROGRESS")


def explain_task(task_id: str, access: FleetAccess) -> tuple[Finding, ...]:
    """Return why a task is not done, the worst reason first.

    Args:
        task_id: Celery's id.
        access: The ways into the fleet.

    Returns:
        Reasons; ``info`` where nothing is wrong and it only takes its time. Empty for a task that ended
        well. A service that can't be asked is a finding of its own.
    """
    seen = gather(access)
    task, problems = _see(task_id, access, seen)
    found = list(_unreachable(seen, problems))
    found += list(_reasons(seen, task)) or list(_untraceable(seen, task))
    return sorted_by_severity(found)


def _see(task_id: str, access: FleetAccess, seen: Observations) -> tuple[TaskSeen, list[str]]:
    problems: list[str] = []

    def asked(what: str, call: Callable[[], T], otherwise: T) -> T:
        try:
            return Pending(what, call, access.service_patience_s).result()
        except EarthGazerError as error:
            problems.append(str(error))
            return otherwise

    place: Place | None = None
    nothing: tuple[Recorded | None, str | None, tuple[Earlier, ...]] = (None, None, ())
    recorded, run_id, earlier = nothing
    state: str | None = None
    if (broker := access.broker) is not None and seen.broker is not None:
        place = asked("the broker", lambda: _place(broker, task_id), None)
    database = access.database
    is_current = seen.database is not None and seen.database.revision == seen.database.head
    if database is not None and is_current:
        recorded, run_id, earlier = asked("the database", lambda: find_record(database, task_id), nothing)
    if (app := access.app) is not None and not seen.results_problem:
        state = asked("the result backend", lambda: find_result_state(app, task_id), None)
    return TaskSeen(task_id, recorded, run_id, earlier, place, state), problems


def _place(broker: RedisBroker | LeverBroker, task_id: str) -> Place | None:
    if isinstance(broker, RedisBroker):
        return find_place(broker, task_id)
    return find_waiting(broker, task_id)


def _reasons(seen: Observations, task: TaskSeen) -> Iterator[Finding]:
    """Yield what is known, from what is surest: a worker's own word, the message, the record."""
    held = list(on_worker(seen, task.task_id))
    if held:
        yield from held
    elif task.place is not None:
        yield from why_held(seen, task) if task.place.message.where == "unacked" else why_queued(seen, task)
    elif task.earlier or (task.run_id is not None and task.recorded is None):
        yield from _future(seen, task)
    elif task.recorded is not None:
        yield from _by_record(seen, task.task_id, task.recorded)


def _future(seen: Observations, task: TaskSeen) -> Iterator[Finding]:
    open_steps = [step for step in task.earlier if step.state not in _FINE]
    resume = f"earthgazer workflows resume {shlex.quote(task.run_id or '')}"
    for step in open_steps:
        is_stuck = step.state in _ENDED
        yield finding(
            "task-waits-for-step",
            Severity.CRITICAL if is_stuck else Severity.INFO,
            f"task {task.task_id}",
            f"it was not published yet: it waits for {step.name} {step.task_id}, which is {step.state}",
            resume if is_stuck else f"earthgazer doctor {shlex.quote(step.task_id)}",
        )
    if not open_steps:
        yield finding(
            "task-not-published", Severity.CRITICAL, f"task {task.task_id}",
            "all that it waits for is done, and it was never published: its message or its chord's count"
            " was lost",
            resume,
        )  # fmt: skip


def _by_record(seen: Observations, task_id: str, recorded: Recorded) -> Iterator[Finding]:
    subject = f"task {recorded.name} {task_id}"
    quoted = shlex.quote(task_id)
    ago = span((seen.at - recorded.updated_at).total_seconds())
    if recorded.blocked_by is not None:
        yield finding(
            "task-blocked", Severity.CRITICAL, subject,
            f"it never ran: {recorded.blocked_by} of its chord's header failed",
            f"earthgazer tasks retry {shlex.quote(recorded.blocked_by)}",
            Remedy(Cure.RETRY, (recorded.blocked_by,)),
        )  # fmt: skip
    elif recorded.state == "FAILURE":
        evidence = f"it failed {ago} ago: {recorded.error or 'no message'}"
        fix, remedy = f"earthgazer tasks retry {quoted}", Remedy(Cure.RETRY, (task_id,))
        yield finding("task-failed", Severity.CRITICAL, subject, evidence, fix, remedy)
    elif recorded.state == "REVOKED":
        evidence = f"it was revoked {ago} ago, or had expired"
        fix, remedy = f"earthgazer tasks retry --copy {quoted}", Remedy(Cure.RETRY_COPY, (task_id,))
        yield finding("task-revoked", Severity.WARNING, subject, evidence, fix, remedy)
    elif recorded.state in _FINE:
        return
    elif seen.broker is None:
        evidence = f"by the record it is {recorded.state} since {ago}; its queue can't be looked at"
        yield finding("task-unseen", Severity.INFO, subject, evidence, "earthgazer doctor")
    elif recorded.state in _HELD and recorded.worker is not None:
        yield _with_worker(seen, subject, recorded, ago)
    else:
        yield finding(
            "task-lost", Severity.CRITICAL, subject,
            f"by the record it is {recorded.state} since {ago}, and its message is in no queue, not"
            " unacknowledged, and on no worker that answered",
            "earthgazer reconcile", Remedy(Cure.RECONCILE),
        )  # fmt: skip


def _with_worker(seen: Observations, subject: str, recorded: Recorded, ago: str) -> Finding:
    worker = recorded.worker or ""
    answered = worker in {one.name for one in seen.workers}
    if seen.silent_listeners and not answered:
        evidence = f"{worker} has it: {silence(seen, worker)}"
        return finding("task-on-silent-worker", Severity.WARNING, subject, evidence, "earthgazer workers")
    what = "does not have it any more" if answered else "does not answer"
    return finding(
        "task-lost", Severity.CRITICAL, subject,
        f"by the record {worker} has it, {recorded.state} since {ago}, but that {what} and its message is"
        " nowhere: it ended with its process, or just now",
        "earthgazer reconcile" if recorded.state == "RECEIVED" else "earthgazer reconcile --with-begun",
        Remedy(Cure.RECONCILE),
    )  # fmt: skip


def _untraceable(seen: Observations, task: TaskSeen) -> Iterator[Finding]:
    if task.recorded is not None or task.result_state == "SUCCESS":
        return
    subject = f"task {task.task_id}"
    if task.result_state is not None:
        evidence = f"the result backend says {task.result_state}; no queue, worker or record knows it"
        yield finding("task-ended", Severity.WARNING, subject, evidence, "earthgazer workers")
        return
    known = ["queue", "worker", "result"]
    known += ["record"] if seen.database is not None else []
    if not seen.broker_problem:
        yield finding(
            "task-unknown", Severity.CRITICAL, subject,
            f"no {', '.join(known[:-1])} or {known[-1]} knows the id: Celery calls that PENDING. It was never"
            " sent, went to another broker, or ended so long ago that its result expired",
            "compare the id and the publisher's broker URL",
        )  # fmt: skip


def _unreachable(seen: Observations, problems: Iterable[str]) -> Iterator[Finding]:
    for what, problem in (
        ("broker", seen.broker_problem),
        ("result backend", seen.results_problem),
        ("database", seen.database_problem),
        *(("service", problem) for problem in problems),
    ):
        if problem:
            yield finding("service-unreachable", Severity.CRITICAL, what, problem, "earthgazer stack status")
