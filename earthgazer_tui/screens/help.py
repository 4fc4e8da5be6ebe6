"""All keys of a screen, from the command classes themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.common import COMMON, MODES
from earthgazer_tui.widgets.line_table import LineTable

KEY_CELLS = 10
MAX_CELLS = 84
FRAME_CELLS = 8
"""Border, padding and scrollbar."""


class Help(ModalScreen[None]):
    """Lists keys with what they do: the screen's own first."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "leave", "Close", id="help.leave", tooltip="Close the help"),
    ]

    def __init__(
        self, title: str, commands: Sequence[type[Command]], table: LineTable[Any] | None = None
    ) -> None:
        super().__init__()
        self.title_text = title
        self.commands = tuple(commands)
        self.table = table

    def compose(self) -> ComposeResult:
        """Make the list."""
        with Vertical(id="help"):
            with VerticalScroll(id="keys"):
                yield Static(self._text(), markup=False)
            yield Static(Content.assemble(("esc", "bold reverse"), "  Close"), id="close", markup=False)

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one("#keys").focus()

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)

    def _text(self) -> Content:
        room = min(MAX_CELLS, self.app.size.width - 2) - FRAME_CELLS - KEY_CELLS - 3
        own = [command for command in self.commands if command not in (*COMMON, *MODES)]
        groups: list[tuple[str, list[Content]]] = [
            (self.title_text, [_command_line(command, room) for command in own]),
            ("Rows", list(self._table_lines(room))),
            ("Everywhere", [_command_line(command, room) for command in COMMON]),
            ("Screens", [_command_line(command, room) for command in MODES]),
        ]
        blocks = [
            Content("\n").join([Content.styled(title, "bold $primary"), *lines])
            for title, lines in groups
            if lines
        ]
        blocks.append(Content.styled("Lower case looks; UPPER CASE changes the world.", "$text-muted"))
        return Content("\n\n").join(blocks)

    def _table_lines(self, room: int) -> Iterable[Content]:
        if self.table is None:
            return
        for binding in self.table.BINDINGS:
            if isinstance(binding, Binding):
                yield _line(binding.key.replace(",", " ").replace("ctrl+", "^"), binding.tooltip, room)


def _command_line(command: type[Command], room: int) -> Content:
    """Return a command's key and help, the key marked where it changes the world."""
    return _line(command.shown_key(), command.help(), room, is_changing=command.changes_world)


def _line(keys: str, text: str, room: int, *, is_changing: bool = False) -> Content:
    """Return a key and its help, wrapped to ``room`` cells beside the key."""
    key = Content.styled(keys.ljust(KEY_CELLS), "bold $warning" if is_changing else "bold")
    first, *others = wrap(text, max(20, room)) or [""]
    indent = " " * (KEY_CELLS + 3)
    return Content.assemble("  ", key, " ", "\n".join([first, *(indent + line for line in others)]))
