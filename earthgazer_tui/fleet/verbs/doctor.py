"""What is wrong, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from earthgazer_tui.fleet.models import ActionResult, CheckProgress, Diagnosis, Finding


class DoctorVerbs(Protocol):
    """What is wrong, and why."""

    async def diagnose(self, report: Callable[[CheckProgress], None]) -> Diagnosis:
        """Return what is wrong with the fleet; ``report`` is called on the event loop meanwhile."""

    async def explain(self, task_id: str) -> Sequence[Finding]:
        """Return why a task is not done, the worst reason first; nothing for one that ended well."""

    async def apply_remedies(self, numbers: Sequence[int]) -> ActionResult:
        """Do what these findings' remedies say; each is checked anew and may be refused."""
