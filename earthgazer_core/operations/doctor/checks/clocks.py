"""Clocks that disagree: countdowns, expiry and the visibility timeout depend on them."""

from __future__ import annotations

from collections.abc import Iterator

from earthgazer_core.operations.doctor.checks.check import Check, span
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Observations


def _examine(seen: Observations) -> Iterator[Finding]:
    clocks = [(f"worker {worker.name}", worker.skew_s) for worker in seen.workers]
    if seen.broker is not None:
        clocks.append(("broker", seen.broker.server.skew_s))
    if seen.database is not None:
        clocks.append(("database", seen.database.skew_s))
    for subject, skew_s in clocks:
        if skew_s is not None and abs(skew_s) > seen.thresholds.clock_skew_s:
            yield finding(
                CLOCKS.id, Severity.WARNING, subject,
                f"its clock is {span(abs(skew_s))} {'ahead of' if skew_s > 0 else 'behind'} ours: countdowns,"
                " expiry and redelivery come at the wrong time",
                "chronyc tracking, here and there",
            )  # fmt: skip


CLOCKS = Check("clock-skew", "Do the clocks agree?", _examine)
