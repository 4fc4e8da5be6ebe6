"""Commands of Doctor."""

from __future__ import annotations

from earthgazer_tui.commands.command import Command


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


class ExplainTask(Command):
    """Why is it pending? Say why the task under the cursor is not done, and what helps."""

    id = "task.explain"
    key = "w"
    title = "Why"
    action = "explain"
