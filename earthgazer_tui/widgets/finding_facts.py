"""A finding of Doctor in words, its severity told apart without colour."""

from __future__ import annotations

from textual.content import Content

from earthgazer_tui.fleet.models import Finding, Severity

SEVERITIES = {
    Severity.CRITICAL: ("✗", "bold $error"),
    Severity.WARNING: ("!", "bold $warning"),
    Severity.INFO: ("·", "$text-muted"),
}
"""Sign and style of each severity."""


def severity_mark(severity: Severity) -> Content:
    """Return sign and word of a severity."""
    sign, style = SEVERITIES[severity]
    return Content.styled(f"{sign} {severity.value}", style)


def finding_facts(finding: Finding) -> Content:
    """Return everything about a finding, in lines that may be wrapped."""
    return Content.assemble(
        severity_mark(finding.severity),
        "  ",
        (finding.subject, "bold"),
        (f"  {finding.check}", "$text-muted"),
        f"\n{finding.evidence}\n",
        ("fix: ", "$text-muted"),
        (finding.fix, "$accent"),
        *([("\nF: ", "$text-muted"), (finding.remedy, "$accent")] if finding.remedy else []),
    )
