"""The line where commands are typed by name, with a list of how it could go on above it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Protocol

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

MAX_SHOWN = 8
"""Lines of the list."""
NAME_CELLS = 24


class Suggestion(Protocol):
    """One way in which the line could go on."""

    @property
    def line(self) -> str:
        """The whole line."""

    @property
    def shown(self) -> str:
        """What the list says."""

    @property
    def help(self) -> str:
        """What that is."""


class LineHistory(Protocol):
    """Former lines."""

    def older(self, typed: str) -> str:
        """Return the line before."""

    def newer(self, typed: str) -> str:
        """Return the line after."""


class CommandLine(Vertical):
    """Opened by the screen and removed by it; tab goes through the list, up and down through history."""

    DEFAULT_CSS = """
    CommandLine { layer: line; dock: bottom; height: auto; width: 1fr; background: $panel; }
    CommandLine #completions { height: auto; width: 1fr; padding: 0 1; text-wrap: nowrap; }
    CommandLine Horizontal { height: 1; }
    CommandLine #colon { width: 2; padding: 0 0 0 1; text-style: bold; color: $accent; }
    CommandLine Input { height: 1; width: 1fr; border: none; padding: 0; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(keys, action, title, show=False, priority=is_last, id=f"line.{name}", tooltip=help_text)
        for keys, action, title, name, help_text, is_last in (
            ("enter", "enter", "Do it", "enter", "Do what is typed", True),
            ("escape", "leave", "Leave", "leave", "Do nothing", True),
            ("tab", "next(1)", "Complete", "complete", "Take the next completion", False),
            ("shift+tab", "next(-1)", "Complete back", "complete-back", "Take the completion before", False),
            ("up", "older", "Older", "older", "Take the line before", False),
            ("down", "newer", "Newer", "newer", "Take the line after", False),
        )
    ]

    def __init__(
        self,
        complete: Callable[[str], Sequence[Suggestion]],
        history: LineHistory,
        leave: Callable[[str], Awaitable[None]],
        text: str = "",
    ) -> None:
        """Make the line.

        Args:
            complete: Returns how a line could go on.
            history: Former lines.
            leave: Removes the line and does what was typed; empty where nothing is to be done. It is called,
                not told by a message, so that keys behind the last one find what it leads to.
            text: What stands there to begin with.
        """
        super().__init__()
        self._complete = complete
        self._history = history
        self._leave = leave
        self._begin = text
        self._completions: Sequence[Suggestion] = ()
        self._place = -1
        self._taken = ""

    def compose(self) -> ComposeResult:
        """Make list and line."""
        yield Static(id="completions", markup=False)
        with Horizontal():
            yield Static(":", id="colon", markup=False)
            yield Input(self._begin, compact=True, select_on_focus=False)

    def on_mount(self) -> None:
        """Offer what there is."""
        self.field.cursor_position = len(self._begin)
        self._offer(self._begin)

    @property
    def field(self) -> Input:
        """Where the line is typed."""
        return self.query_one(Input)

    @property
    def text(self) -> str:
        """What stands in the line."""
        return self.field.value

    async def action_leave(self) -> None:
        """Leave without doing anything."""
        await self._leave("")

    async def action_enter(self) -> None:
        """Do what is typed, once all keys before this one have come into the line."""
        is_typed = asyncio.Event()
        self.field.call_later(is_typed.set)
        await is_typed.wait()
        await self._leave(self.text.strip())

    def action_next(self, by: int) -> None:
        """Put the next completion into the line; the only one is taken for good, and what follows offered."""
        if not self._completions:
            return
        is_only = len(self._completions) == 1
        self._place = (self._place + by) % len(self._completions) if self._place >= 0 or by > 0 else -1
        taken = self._completions[self._place].line
        self._put(taken)
        if is_only:
            self._offer(taken)
        else:
            self._show()

    def action_older(self) -> None:
        """Take the line before."""
        self._recall(self._history.older(self.text))

    def action_newer(self) -> None:
        """Take the line after."""
        self._recall(self._history.newer(self.text))

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self._taken:
            self._offer(event.value)

    def _recall(self, line: str) -> None:
        self._put(line)
        self._offer(line)

    def _put(self, line: str) -> None:
        self._taken = line
        self.field.value = line
        self.field.cursor_position = len(line)

    def _offer(self, line: str) -> None:
        self._taken = line
        self._completions = self._complete(line)
        self._place = -1
        self._show()

    def _show(self) -> None:
        """Show as many completions as there is room for, the one taken among them."""
        completions = self._completions
        room = max(1, min(MAX_SHOWN, self.app.size.height - 7))
        top = min(max(0, self._place - room + 1), max(0, len(completions) - room))
        lines = []
        for place, one in enumerate(completions[top : top + room], top):
            name = Content.styled(
                one.shown.ljust(NAME_CELLS), "bold reverse" if place == self._place else "bold"
            )
            line = Content.assemble(name, " ", (one.help, "$text-muted"))
            lines.append(line.truncate(max(10, self.app.size.width - 2), ellipsis=True))
        left = len(completions) - top - len(lines)
        if left > 0:
            lines.append(Content.styled(f"… {left} more; tab goes through them", "$text-muted"))
        listed = self.query_one("#completions", Static)
        listed.display = bool(lines)
        listed.update(Content("\n").join(lines))
