"""What is wrong with a fleet, and why a task doesn't run: evidence and a fix for each finding."""

from earthgazer_core.operations.doctor.access import FleetAccess
from earthgazer_core.operations.doctor.checks import CHECKS
from earthgazer_core.operations.doctor.diagnose import diagnose
from earthgazer_core.operations.doctor.explain import explain_task
from earthgazer_core.operations.doctor.finding import Finding, Severity
from earthgazer_core.operations.doctor.thresholds import Thresholds

__all__ = ["CHECKS", "Finding", "FleetAccess", "Severity", "Thresholds", "diagnose", "explain_task"]
