"""Everything that is wrong with a fleet."""

from __future__ import annotations

from earthgazer_core.operations.doctor.access import FleetAccess
from earthgazer_core.operations.doctor.checks import CHECKS
from earthgazer_core.operations.doctor.finding import Finding, sorted_by_severity
from earthgazer_core.operations.doctor.gather import gather
from earthgazer_core.operations.doctor.observations import Observations


def diagnose(access: FleetAccess) -> tuple[Finding, ...]:
    """Look once and return what is wrong, the worst first; empty where all is well.

    It blocks for about the workers' patience, changes nothing, and takes a service that is away as a
    finding: whatever else can be looked at is.
    """
    return examine(gather(access))


def examine(seen: Observations) -> tuple[Finding, ...]:
    """Return what every check makes of one look."""
    return sorted_by_severity([found for check in CHECKS for found in check.examine(seen)])
