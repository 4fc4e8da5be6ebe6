"""All keys of a screen, from the command classes themselves."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.common import COMMON, MODES
from earthgazer_tui.commands.line import names_of
from earthgazer_tui.key_names import key_name
from earthgazer_tui.screens.commanding import CommandingScreen
from earthgazer_tui.screens.steady import SteadyDialog
from earthgazer_tui.state.config_directory import config_directory
from earthgazer_tui.state.keymap import FILE_NAME
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.wording import counted

KEY_CELLS = 12
MAX_CELLS = 84
FRAME_CELLS = 8
"""Border, padding and scrollbar."""


class Help(SteadyDialog[None]):
    """Lists keys with what they do: the screen's own first."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "leave", "Close", id="help.leave", tooltip="Close the help"),
    ]

    def __init__(self, screen: CommandingScreen, table: LineTable[Any] | None = None) -> None:
        super().__init__()
        self.of = screen
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
        screen = self.of
        commands = screen.commands
        own = [command for command in commands if command not in (*COMMON, *MODES)]
        named = [command for command in COMMON if not command.key]
        groups: list[tuple[str, list[Content]]] = [
            (screen.title_text, [self._command(one) for one in own if not one.changes_world]),
            ("Changes the world", [self._command(one) for one in own if one.changes_world]),
            ("Rows", list(self._table_lines())),
            ("Filter", [self._line(*pair) for pair in screen.FILTER_HELP] if screen.CAN_FILTER else []),
            ("Everywhere", [self._command(one) for one in COMMON if one.key]),
            ("In the command line", [self._command(one, ":" + names_of(one)[0]) for one in named]),
            ("Screens", [self._command(command) for command in MODES]),
        ]
        blocks = [
            Content("\n").join([Content.styled(title, "bold $primary"), *lines])
            for title, lines in groups
            if lines
        ]
        blocks.append(Content.styled("\n".join(wrap(self._note(), self._room + KEY_CELLS)), "$text-muted"))
        return Content("\n\n").join(blocks)

    @property
    def _room(self) -> int:
        """Cells beside a key."""
        return min(MAX_CELLS, self.app.size.width - 2) - FRAME_CELLS - KEY_CELLS - 3

    def _note(self) -> str:
        removed = len(self.of.command_classes()) - len(self.of.commands)
        notes = ["Lower case looks; UPPER CASE changes the world."]
        if removed:
            notes = [f"Read-only: {counted(removed, 'command')} that would change something removed."]
        notes.append(f"Keys of your own: {config_directory() / FILE_NAME}; earthgazer-tui --keys prints all.")
        return " ".join(notes)

    def _table_lines(self) -> Iterator[Content]:
        table = self.table
        if table is None:
            return
        for binding in table.BINDINGS:
            if isinstance(binding, Binding) and (table.can_mark or "mark" not in binding.action):
                keys = self.of.session.keys.get(binding.id or "", binding.key).split(",")
                yield self._line(" ".join(dict.fromkeys(key_name(key) for key in keys)), binding.tooltip)

    def _command(self, command: type[Command], name: str = "") -> Content:
        """Return a command's key in force and its help, the key marked where it changes the world."""
        shown = name or command.shown_key(self.of.session.keys)
        return self._line(shown, command.help(), is_changing=command.changes_world)

    def _line(self, keys: str, text: str, *, is_changing: bool = False) -> Content:
        """Return a key and its help, wrapped beside the key."""
        key = Content.styled(keys.ljust(KEY_CELLS), "bold $warning" if is_changing else "bold")
        first, *others = wrap(text, max(20, self._room)) or [""]
        indent = " " * (KEY_CELLS + 3)
        return Content.assemble("  ", key, " ", "\n".join([first, *(indent + line for line in others)]))
