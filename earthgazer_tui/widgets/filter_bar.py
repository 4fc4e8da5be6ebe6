"""The line where a filter is typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

PAUSE_S = 0.2
"""Pause in typing after which the filter is applied."""


class FilterBar(Input):
    """An input that is hidden until it is asked for, and while it is empty."""

    DEFAULT_CSS = """
    FilterBar { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    FilterBar:focus { border: none; }
    FilterBar.-open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape", "leave", "End filter", show=False, id="filter.leave", tooltip="Empty or end the filter"
        ),
        Binding("down", "keep", "To rows", show=False, id="filter.keep", tooltip="Go to the rows that match"),
    ]

    @dataclass
    class Filtered(Message):
        """The filter is another than before."""

        text: str

    @dataclass
    class Left(Message):
        """The rows are to have the focus again."""

    def __init__(self, placeholder: str = "words to look for") -> None:
        super().__init__(placeholder=placeholder, select_on_focus=False, compact=True)
        self._applied = ""
        self._timer: Timer | None = None

    @property
    def text(self) -> str:
        """The filter that applies now."""
        return self._applied

    def cell_of(self, position: int) -> int:
        """Return the cell at which a character of :attr:`text` is seen."""
        indent = len(self.value) - len(self.value.lstrip())
        return cell_len(self.value[: indent + position]) - round(self.scroll_offset.x)

    def open(self) -> None:
        """Show it and take the focus."""
        self.add_class("-open")
        self.focus()

    def apply(self, text: str) -> None:
        """Filter by this text at once; it stays to be seen."""
        self.value = text
        self.set_class(bool(text), "-open")
        self._apply()

    def action_leave(self) -> None:
        """Empty the filter, or end it where it is empty."""
        self.value = ""
        self._apply()
        self.action_keep()

    def action_keep(self) -> None:
        """Keep the filter and give the focus back to the rows."""
        self._apply()
        self.set_class(bool(self.value), "-open")
        self.post_message(self.Left())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_keep()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE_S, self._apply)

    def _apply(self) -> None:
        text = self.value.strip()
        if text != self._applied:
            self._applied = text
            self.post_message(self.Filtered(text))
