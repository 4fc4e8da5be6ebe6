"""A question with several answers, each on its own key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.widgets import Static

from earthgazer_tui.commands.question import Option
from earthgazer_tui.screens.steady import SteadyDialog


class Choose(SteadyDialog[str | None]):
    """Asks; dismisses with the value of the option chosen, or None at escape."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="choose.leave", tooltip="Choose none"),
    ]

    def __init__(self, title: str, options: Sequence[Option], lines: Sequence[str] = ()) -> None:
        super().__init__()
        self.title_text = title
        self.options = tuple(options)
        self.lines = tuple(lines)

    def compose(self) -> ComposeResult:
        """Make the title and a line for each option."""
        with Vertical(id="dialog"):
            yield Static(Content(self.title_text), id="title", markup=False)
            if self.lines:
                yield Static(Content("\n".join(self.lines)), id="note", markup=False)
            rows = [
                Content.assemble((f" {option.key} ", "bold reverse"), "  ", option.title)
                for option in self.options
            ]
            rows.append(Content.assemble(("esc", "bold reverse"), "  Cancel"))
            yield Static(Content("\n").join(rows), id="options", markup=False)

    def on_key(self, event: Key) -> None:
        """Choose the option of that key."""
        for option in self.options:
            if event.character == option.key:
                event.stop()
                self.dismiss(option.value)

    def action_leave(self) -> None:
        """Choose none."""
        self.dismiss(None)
