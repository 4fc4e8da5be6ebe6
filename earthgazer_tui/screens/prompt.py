"""A question that is answered with a line of text."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from earthgazer_tui.commands.question import Prompt
from earthgazer_tui.screens.steady import SteadyDialog


class PromptDialog(SteadyDialog[str | None]):
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
        self._say("" if not self.prompt.value else self.prompt.check(self.prompt.value))
        self.query_one(Input).focus()

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        """Judge what is typed; an empty line is one that nothing was typed into yet."""
        self._say(self.prompt.check(event.value) if event.value else "")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        complaint = self.prompt.check(event.value)
        if complaint:
            self._say(complaint)
        else:
            self.dismiss(event.value)

    def _say(self, complaint: str) -> None:
        """Show what is expected, below what is wrong if anything is."""
        hint = Content(self.prompt.hint)
        shown = Content.assemble((complaint, "$error"), "\n", hint) if complaint else hint
        self.query_one("#complaint", Static).update(shown)
