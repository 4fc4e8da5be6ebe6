"""The dry run of a retry, with a choice of how and how fast."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.types import CSSPathType
from textual.widgets import Input, Static

from earthgazer_tui.commands.question import RetryAnswer, RetryQuestion
from earthgazer_tui.commands.retry import rate_complaint
from earthgazer_tui.screens.steady import SteadyDialog
from earthgazer_tui.widgets.lines import Lines

RATE_CHARACTERS = "0-9./smh "
_OF_RATE = frozenset("0123456789./smh ")
_LETTERS = {"y": "accept", "c": "turn_copy", "n": "leave"}


class RateInput(Input):
    """A line for a rate; what is no character of one is a key of the dialog."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Return whether a key is typed here."""
        return character is not None and character in _OF_RATE

    async def _on_key(self, event: Key) -> None:
        # In the order typed: a binding of priority would overtake the rate before it.
        action = _LETTERS.get(event.character or "")
        if action:
            event.stop()
            event.prevent_default()
            await self.run_action(f"screen.{action}")


class RetryDialog(SteadyDialog[RetryAnswer | None]):
    """Asks; dismisses with how it is wanted, or None at escape.

    Digits are typed into the rate wherever the focus is, so no letter of a rate is a key.
    """

    CSS_PATH: ClassVar[CSSPathType | None] = ["dialog.tcss", "retry_dialog.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "accept", "Retry", id="retry.yes", tooltip="Retry them"),
        Binding("c", "turn_copy", "Copy", id="retry.copy", tooltip="In place, or as copies"),
        Binding("n", "leave", "No", id="retry.no", tooltip="Change nothing"),
        Binding("escape", "leave", "No", priority=True, id="retry.leave", tooltip="Change nothing"),
        Binding("enter", "accept", "Retry", show=False, id="retry.enter", tooltip="Retry them"),
        Binding("up", "scroll(-1)", "Up", show=False, priority=True, id="retry.up", tooltip="Scroll up"),
        Binding(
            "down", "scroll(1)", "Down", show=False, priority=True, id="retry.down", tooltip="Scroll down"
        ),
    ]

    def __init__(self, question: RetryQuestion) -> None:
        super().__init__()
        self.question = question
        self.copy = False

    def compose(self) -> ComposeResult:
        """Make title, dry run, rate and keys."""
        with Vertical(id="dialog"):
            yield Static(Content(self.question.title), id="title", markup=False)
            with VerticalScroll(id="lines", can_focus=False):
                yield Lines(id="dry-run")
            if self.question.note:
                yield Static(Content(self.question.note), id="note", markup=False)
            if self.question.asks_rate:
                yield RateInput(
                    placeholder="as fast as it goes; or a rate: 5/s, 30/m, 100/h",
                    compact=True,
                    restrict=f"[{RATE_CHARACTERS}]*",
                    id="answer",
                )
                yield Static(id="complaint", markup=False)
            yield Static(id="options", markup=False)

    def on_mount(self) -> None:
        """Show the dry run, and put the rate at hand."""
        self._show()
        if self.question.asks_rate:
            # At once: what is typed right behind the key is a rate.
            self.set_focus(self.query_one(Input))

    def on_key(self, event: Key) -> None:
        """Type a rate, wherever the focus is."""
        if self.question.asks_rate and event.character is not None and event.character in _OF_RATE:
            event.stop()
            self.query_one(Input).insert_text_at_cursor(event.character)

    def action_turn_copy(self) -> None:
        """Retry as copies, or in place again."""
        if self.question.copy_lines:
            self.copy = not self.copy
            self._show()

    def action_scroll(self, by: int) -> None:
        """Scroll the dry run."""
        self.query_one("#lines").scroll_relative(y=by, animate=False)

    def action_leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)

    def action_accept(self) -> None:
        """Go on, unless nothing can be retried or the rate can't be read."""
        if self.question.yes and not self._complaint():
            self.dismiss(RetryAnswer(self.copy, self._rate))

    @property
    def _rate(self) -> str:
        return self.query_one(Input).value if self.question.asks_rate else ""

    @on(Input.Changed)
    def _complaint(self) -> str:
        complaint = rate_complaint(self._rate)
        if self.question.asks_rate:
            self.query_one("#complaint", Static).update(Content.styled(complaint, "$error"))
        return complaint

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_accept()

    def _show(self) -> None:
        question = self.question
        lines = question.copy_lines if self.copy else question.lines
        self.query_one("#dry-run", Lines).show(Content("\n").join([_line(line) for line in lines]))
        keys = [("y", "Retry")] if question.yes else []
        if question.copy_lines:
            keys.append(("c", "In place" if self.copy else "As copies"))
        keys.append(("n", "No" if question.yes else "Close"))
        shown = [Content.assemble((f" {key} ", "bold reverse"), " ", title) for key, title in keys]
        self.query_one("#options", Static).update(Content("   ").join(shown))


def _line(line: str) -> Content:
    mode, gap, rest = line.partition("  ")
    style = {"in place": "$success", "copy": "$warning", "refused": "$error"}.get(mode.strip(), "")
    return Content.assemble((mode, style), gap, rest) if style else Content(line)
