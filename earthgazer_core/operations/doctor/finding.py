"""What Doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from earthgazer_core.operations.doctor.remedy import Remedy


class Severity(StrEnum):
    """How much it matters; the worst comes first."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault with its evidence and what mends it; every text is one line, and others' text is raw."""

    check: str
    """Id of the check that found it, ``queue-without-consumer``."""
    severity: Severity
    """How much it matters."""
    subject: str
    """What it is about: ``queue steps``, ``worker cpu1@host``, ``task 3f…``."""
    evidence: str
    """What was seen."""
    fix: str
    """A command or a setting; arguments are quoted for a shell."""
    remedy: Remedy | None = None
    """What Doctor can do itself about it, in the console by a key; None where that is for people."""


def finding(
    check: str, severity: Severity, subject: str, evidence: str, fix: str, remedy: Remedy | None = None
) -> Finding:
    """Return a finding with each text on one line."""
    subject, evidence, fix = (" ".join(text.split()) for text in (subject, evidence, fix))
    return Finding(check, severity, subject, evidence, fix, remedy)


def sorted_by_severity(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return findings with the worst first, otherwise in the order found."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda found: order.index(found.severity)))
