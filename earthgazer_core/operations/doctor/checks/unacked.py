"""Messages that a worker has held so long that another will get them too."""

from __future__ import annotations

from collections.abc import Iterator

from earthgazer_core.operations.doctor.checks.check import Check, counted, span
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Observations


def _examine(seen: Observations) -> Iterator[Finding]:
    if seen.broker is None:
        return
    timeout_s = seen.broker.snapshot.visibility_timeout_s
    limit_s = seen.thresholds.unacked_share * timeout_s
    for queue in seen.broker.snapshot.queues:
        age_s = queue.oldest_unacked_s
        if age_s is None or age_s < limit_s:
            continue
        oldest = max(
            (one for one in seen.broker.held if one.queue == queue.name),
            key=lambda one: one.age_s or 0.0,
            default=None,
        )
        runs = next(
            (
                f" It runs on {worker.name}."
                for worker in seen.workers
                for active in worker.report.active
                if oldest is not None and active.task_id == oldest.task_id
            ),
            "",
        )
        yield finding(
            UNACKED_OLD.id,
            Severity.WARNING if age_s < timeout_s else Severity.CRITICAL,
            f"queue {queue.name}",
            f"{counted(queue.unacked or 0, 'message')} unacknowledged, the oldest"
            f" {f'({oldest.name} {oldest.task_id}) ' if oldest else ''}for {span(age_s)};"
            f" at {span(timeout_s)} it goes to another worker as well.{runs}",
            "raise broker_transport_options['visibility_timeout'] above the longest run time"
            if runs
            else f"earthgazer doctor {oldest.task_id}"
            if oldest
            else "earthgazer queues",
        )


UNACKED_OLD = Check(
    "unacked-near-visibility-timeout",
    "Is a message unacknowledged for most of the visibility timeout?",
    _examine,
)
