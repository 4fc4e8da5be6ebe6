"""What Doctor found, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault with its evidence and what mends it; every text is one line."""

    check: str
    """Id of the check that found it, ``queue-without-consumer``."""
    severity: Severity
    """How much it matters."""
    subject: str
    """What it is about: ``queue steps``, ``worker cpu1@host``, ``task 3f…``."""
    evidence: str
    """What was seen."""
    fix: str
    """A command or a setting."""
    remedy: str = ""
    """What the fleet itself can do about it, in one line; empty where that is for people."""
    number: int = 0
    """What the fleet knows that remedy by; it forgets old ones."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One look at the whole fleet."""

    findings: tuple[Finding, ...]
    """Worst first; empty where all is well."""
    checks: int
    """How many checks there are."""
    elapsed_s: float
    """How long it took."""


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """How far a diagnosis is."""

    done: int
    """Checks that are done."""
    total: int
    """Checks that there are."""
    question: str
    """What is looked at now."""
