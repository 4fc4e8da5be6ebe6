"""The state of a task as a sign and a word, told apart without colour."""

from __future__ import annotations

from textual.content import Content

TASK_MARKS = {
    "SUCCESS": ("✓", "done", "$success"),
    "STARTED": ("▸", "running", "$warning"),
    "PROGRESS": ("▸", "running", "$warning"),
    "RECEIVED": ("◦", "received", "$text-muted"),
    "PENDING": ("◦", "waiting", "$text-muted"),
    "RETRY": ("↻", "retrying", "$warning"),
    "FAILURE": ("✗", "failed", "bold $error"),
    "REVOKED": ("⊘", "revoked", "$warning"),
    "REJECTED": ("⊘", "rejected", "$warning"),
    "IGNORED": ("✓", "ignored", "$text-muted"),
    "REPLACED": ("↳", "goes on", "$text-muted"),
}
"""Sign, word and style of each state."""


def task_mark(state: str) -> Content:
    """Return the sign and the word of a task's state; an unknown one as it is."""
    sign, word, style = TASK_MARKS.get(state, ("?", state.lower(), "$text-muted"))
    return Content.styled(f"{sign} {word}", style)


def short_task_name(name: str) -> str:
    """Return a task's name without the package that all of ours share."""
    return name.removeprefix("earthgazer.")
