"""Two schedulers that publish the same periodic tasks."""

from __future__ import annotations

from collections.abc import Iterator

from earthgazer_core.operations.doctor.checks.check import Check, listed
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Beat, Observations

OWN_SCHEDULER = "earthgazer_core.schedule.scheduler:DatabaseScheduler"
"""Sends each run once, however many of it there are."""


def _examine(seen: Observations) -> Iterator[Finding]:
    if any((worker.conf or {}).get("beat_scheduler") == OWN_SCHEDULER for worker in seen.workers):
        return
    by_task: dict[str, list[Beat]] = {}
    for beat in seen.beats:
        by_task.setdefault(beat.task, []).append(beat)
    for task, beats in by_task.items():
        rivals = [
            beat.origin
            for beat in beats
            if any(other.origin != beat.origin and _overlap(beat, other) for other in beats)
        ]
        if rivals:
            yield finding(
                TWO_BEATS.id, Severity.CRITICAL, f"task {task}",
                f"{len(rivals)} processes publish it by turns: {listed(rivals)};"
                " each periodic task runs more than once",
                "stop all but one celery beat",
            )  # fmt: skip


def _overlap(one: Beat, other: Beat) -> bool:
    """Whether neither began after the other's end; a single message is no beat."""
    return min(one.count, other.count) > 1 and max(one.first, other.first) < min(one.last, other.last)


TWO_BEATS = Check("two-beats", "Does one scheduler alone publish the periodic tasks?", _examine)
