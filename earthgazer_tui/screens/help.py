"""All keys of a screen, from the command classes themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
        own = [command for command in self.commands if command not in (*COMMON, *MODES)]
        groups: list[tuple[str, list[Content]]] = [
            (self.title_text, [_command_line(command) for command in own]),
            ("Rows", list(self._table_lines())),
            ("Everywhere", [_command_line(command) for command in COMMON]),
            ("Screens", [_command_line(command) for command in MODES]),
        ]
        blocks = [
            Content("\n").join([Content.styled(title, "bold $primary"), *lines])
            for title, lines in groups
            if lines
        ]
        blocks.append(Content.styled("Lower case looks; UPPER CASE changes the world.", "$text-muted"))
        return Content("\n\n").join(blocks)

    def _table_lines(self) -> Iterable[Content]:
        if self.table is None:
            return
        for binding in self.table.BINDINGS:
            if isinstance(binding, Binding):
                yield _line(binding.key.replace(",", " "), binding.tooltip)


def _command_line(command: type[Command]) -> Content:
    """Return a command's key and help, with a sign where it changes the world."""
    return _line(command.shown_key(), command.help(), is_changing=command.changes_world)


def _line(keys: str, text: str, *, is_changing: bool = False) -> Content:
    """Return one line of the help."""
    key = Content.styled(keys.ljust(KEY_CELLS), "bold $warning" if is_changing else "bold")
    return Content.assemble("  ", key, " ", text)
