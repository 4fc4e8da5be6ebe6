"""A question that is answered with a line of text."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from earthgazer_tui.commands.question import Prompt


class PromptDialog(ModalScreen[str | None]):
    """Asks; dismisses with the text once it is accepted, or None at escape."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="prompt.leave", tooltip="Change nothing"),
    ]

    def __init__(self, prompt: Prompt) -> None:
        super().__init__()
        self.prompt = prompt

    def compose(self) -> ComposeResult:
        """Make title, the line, and what is wrong with it."""
        prompt = self.prompt
        with Vertical(id="dialog"):
            yield Static(Content(prompt.title), id="title", markup=False)
            if prompt.lines:
                with VerticalScroll(id="lines", can_focus=False):
                    yield Static(Content("\n".join(prompt.lines)), markup=False)
            yield Input(prompt.value, compact=True, id="answer")
            yield Static(id="complaint", markup=False)
            keys = (("enter", "bold reverse"), "  Do it   ", ("esc", "bold reverse"), "  Cancel")
            yield Static(Content.assemble(*keys), id="options", markup=False)

    def on_mount(self) -> None:
        """Put the line at hand."""
        self._judge()
        self.query_one(Input).focus()

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)

    @on(Input.Changed)
    def _judge(self) -> str:
        complaint = self.prompt.check(self.query_one(Input).value)
        text = Content.styled(complaint, "$error") if complaint else Content(self.prompt.hint)
        self.query_one("#complaint", Static).update(text)
        return complaint

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if not self._judge():
            self.dismiss(event.value)
