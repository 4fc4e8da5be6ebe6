"""Commands of Doctor."""

from __future__ import annotations

from collections.abc import Sequence

from earthgazer_tui.commands.command import Command, FleetCommand
from earthgazer_tui.commands.question import Question
from earthgazer_tui.fleet.models import ActionResult, Finding
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.wording import counted


class OpenFinding(Command):
    """Show all of the finding under the cursor: evidence and fix."""

    id = "doctor.open"
    key = "o"
    title = "Open"
    action = "open_row"
    key_display = "enter"


class LookAgain(Command):
    """Look for faults again."""

    id = "doctor.again"
    key = "r"
    title = "Look again"
    action = "refresh_now"


class ApplyRemedy(FleetCommand[Finding]):
    """Do what mends the marked findings, or the one under the cursor, where the console can."""

    id = "doctor.fix"
    key = "F"
    title = "Fix"

    def refusal(self, subjects: Sequence[Finding]) -> str:
        """Refuse what is for people."""
        if any(one.remedy for one in subjects):
            return ""
        return f"That is for people: {{view.copy|y}} copies {subjects[0].fix!r}"

    async def ask(self, fleet: Fleet, subjects: Sequence[Finding]) -> Question | None:
        """Tell what will be done, always: a finding may be old."""
        able = [one for one in subjects if one.remedy]
        left = len(subjects) - len(able)
        return Question(
            title=f"Mend {counted(len(able), 'finding')}?",
            lines=tuple(f"{one.subject}: {one.remedy}" for one in able),
            note=f"{counted(left, 'other')} not mended from here: {{view.copy|y}} copies how."
            if left
            else "",
            yes="Mend",
        )

    async def run(self, fleet: Fleet, subjects: Sequence[Finding]) -> ActionResult:
        """Mend them."""
        return await fleet.apply_remedies([one.number for one in subjects if one.remedy])


class ExplainTask(Command):
    """Why is it pending? Say why the task under the cursor is not done, and what helps."""

    id = "task.explain"
    key = "w"
    title = "Why"
    action = "explain"
