"""What each worker answered to a command."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from earthgazer_tui.fleet.models import ActionResult, Reply


class Replies(ModalScreen[None]):
    """Lists the workers' own words, worst first."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "leave", "Close", id="replies.leave", tooltip="Close"),
    ]

    def __init__(self, title: str, result: ActionResult) -> None:
        super().__init__()
        self.title_text = title
        self.result = result

    def compose(self) -> ComposeResult:
        """Make the summary and a line for each worker."""
        replies = sorted(self.result.replies, key=lambda reply: reply.is_ok)
        with Vertical(id="dialog"):
            yield Static(Content(self.title_text), id="title", markup=False)
            yield Static(Content(self.result.summary), id="note", markup=False)
            with VerticalScroll(id="lines"):
                yield Static(Content("\n").join(reply_line(reply) for reply in replies), markup=False)
            yield Static(Content.assemble(("esc", "bold reverse"), "  Close"), id="options", markup=False)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)


def reply_line(reply: Reply) -> Content:
    """Return a worker's answer with a sign that says whether it did it."""
    sign = ("✓", "$success") if reply.is_ok else ("✗", "$error")
    return Content.assemble(sign, f" {reply.worker}: {reply.text}")
