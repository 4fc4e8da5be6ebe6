"""Periodic tasks that are due and not sent."""

from __future__ import annotations

from collections.abc import Iterator

from earthgazer_core.operations.doctor.access import OWN_APP
from earthgazer_core.operations.doctor.checks.check import Check, counted, listed, span
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Observations


def _examine(seen: Observations) -> Iterator[Finding]:
    late = seen.database.late if seen.database else ()
    if late:
        waited_s = (seen.at - late[0].due_at).total_seconds()
        yield finding(
            LATE.id, Severity.CRITICAL, "schedule",
            f"{counted(len(late), 'periodic task')} due and not sent, the longest for {span(waited_s)}:"
            f" {listed(one.name for one in late)}. No beat runs, or it can't reach the broker",
            "earthgazer beat" if seen.celery_app == OWN_APP else seen.command("beat"),
        )  # fmt: skip


LATE = Check("schedule-late", "Is every periodic task sent when it is due?", _examine)
