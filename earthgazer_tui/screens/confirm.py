"""A yes-or-no question with a dry run of what would be done."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from earthgazer_tui.commands.question import Question
from earthgazer_tui.screens.steady import SteadyDialog


class Confirm(SteadyDialog[bool]):
    """Asks; dismisses with the answer. Escape is no."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes", tooltip="Do it"),
        Binding("n,escape", "answer(False)", "No", id="confirm.no", tooltip="Leave it"),
        Binding(
            "left,right", "app.focus_next", "Other", show=False, id="confirm.other", tooltip="Other answer"
        ),
    ]

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        """Make title, dry run and the two answers."""
        question = self.question
        with Vertical(id="dialog"):
            yield Static(Content(question.title), id="title", markup=False)
            if question.lines:
                with VerticalScroll(id="lines"):
                    yield Static(Content("\n".join(question.lines)), markup=False)
            if question.note:
                yield Static(Content(question.note), id="note", markup=False)
            with Horizontal(id="buttons"):
                yield Button(
                    Content(f"{question.yes} (y)"),
                    id="yes",
                    variant="error" if question.is_destructive else "primary",
                    compact=True,
                )
                yield Button(Content("No (n)"), id="no", compact=True)

    def on_mount(self) -> None:
        """Put the cautious answer at hand where the other destroys."""
        self.query_one("#no" if self.question.is_destructive else "#yes").focus()

    def action_answer(self, answer: bool) -> None:
        """Go with this answer."""
        self.dismiss(answer)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")
