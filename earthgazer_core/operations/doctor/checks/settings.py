"""Settings of workers without which an operator sees little: events and results."""

from __future__ import annotations

from collections.abc import Iterator

from earthgazer_core.operations.doctor.checks.check import Check, listed
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Observations
from earthgazer_core.operations.doctor.remedy import Cure, Remedy


def _events(seen: Observations) -> Iterator[Finding]:
    deaf = [worker.name for worker in seen.workers if worker.conf is not None and not worker.sends_events]
    if deaf:
        yield finding(
            EVENTS.id, Severity.WARNING, f"workers {listed(deaf)}",
            "worker_send_task_events is off and no task event was heard: what they run can't be followed",
            seen.command("control", "enable_events"),
            Remedy(Cure.ENABLE_EVENTS, tuple(deaf)),
        )  # fmt: skip


def _sent_events(seen: Observations) -> Iterator[Finding]:
    yield from _off(
        seen, SENT_EVENTS.id, "task_send_sent_event", "tasks are unseen until a worker takes them"
    )


def _extended(seen: Observations) -> Iterator[Finding]:
    yield from _off(
        seen, RESULT_EXTENDED.id, "result_extended", "results keep no name, arguments, worker and queue"
    )


def _started(seen: Observations) -> Iterator[Finding]:
    yield from _off(
        seen,
        TRACK_STARTED.id,
        "task_track_started",
        "running tasks look like waiting ones in the result backend",
    )


def _off(seen: Observations, check: str, setting: str, consequence: str) -> Iterator[Finding]:
    off = [worker.name for worker in seen.workers if worker.conf is not None and not worker.conf.get(setting)]
    if off:
        yield finding(
            check, Severity.INFO, f"workers {listed(off)}", f"{setting} is off: {consequence}",
            f"{setting} = True",
        )  # fmt: skip


EVENTS = Check("events-off", "Do workers send task events?", _events)
SENT_EVENTS = Check("sent-events-off", "Do publishers send task events?", _sent_events)
RESULT_EXTENDED = Check("result-extended-off", "Do results keep name and arguments?", _extended)
TRACK_STARTED = Check("track-started-off", "Is it kept that a task has started?", _started)
