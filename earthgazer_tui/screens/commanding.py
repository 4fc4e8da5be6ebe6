"""What a screen does with commands: keys, footer, command line, help, and carrying them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.widget import Widget
from textual.widgets import Input

from earthgazer_tui.commands.command import Command, FleetCommand, Matching
from earthgazer_tui.commands.common import COMMON, MODES, Back, Filter, Help, Quit, Sort
from earthgazer_tui.commands.line import LineError, complete, names_of, needs_argument, parse
from earthgazer_tui.commands.replay import REPLAY
from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.key_names import is_printable
from earthgazer_tui.screens.carry_out import carry_out
from earthgazer_tui.screens.filter_help import WORDS, FilterHelp
from earthgazer_tui.screens.replaying import ReplayingScreen
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.filter_bar import FilterBar
from earthgazer_tui.widgets.line_table import LineTable

if TYPE_CHECKING:
    from earthgazer_tui.widgets.command_line import CommandLine


ALWAYS_SHOWN = (Back, Help, Quit)
"""What the footer shows at its end, however narrow the terminal is."""


class CommandingScreen(ReplayingScreen):
    """A screen over a fleet whose commands have keys and names; what it shows is for subclasses."""

    AUTO_FOCUS = "LineTable"
    """Never the filter line, which is hidden and would swallow keys."""
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = ()
    """Commands of this screen alone, the most important first."""
    IS_DETAIL: ClassVar[bool] = False
    """Whether it lies over another screen, to which escape goes back."""
    CAN_FILTER: ClassVar[bool] = False
    """Whether it has a filter line, whose text is :attr:`filter_text`."""
    FILTER_HINT: ClassVar[str] = "words to look for"
    """What the empty filter line says."""
    FILTER_HELP: ClassVar[FilterHelp] = WORDS
    """What can be typed into it, for help and completion."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        cls.BINDINGS = [command.binding() for command in cls.command_classes() if command.key]
        super().__init_subclass__(**kwargs, inherit_bindings=False)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._busy: set[str] = set()
        self._line: CommandLine | None = None
        self._focused_before: Widget | None = None

    @classmethod
    def command_classes(cls) -> tuple[type[Command], ...]:
        """Return all commands of this screen: its own, then those that every screen has."""
        back = (Back,) if cls.IS_DETAIL else ()
        found = (Filter,) if cls.CAN_FILTER else ()
        return (*cls.OWN_COMMANDS, *found, *back, *REPLAY, *COMMON, *MODES)

    @property
    def commands(self) -> Sequence[type[Command]]:
        """The commands that can be used: without the changing ones where the console is read-only."""
        is_read_only, is_replay = self.session.is_read_only, self.is_replay
        return [
            command
            for command in self.command_classes()
            if not (is_read_only and command.changes_world) and (is_replay or not command.only_in_replay)
        ]

    @property
    def filter_text(self) -> str:
        """The filter typed by the operator; empty where there is none."""
        return self.query_one(FilterBar).text if self.CAN_FILTER else ""

    @property
    def title_text(self) -> str:
        """Name of the screen, for people."""
        return type(self).__name__.removesuffix("Screen")

    @property
    def matching(self) -> Matching | None:
        """What :meth:`subjects` are only a part of, where all that matches was marked; else None."""
        table = self._table()
        if table is None or not table.all_matching:
            return None
        return Matching(self.filter_text, len(table.rows), table.total)

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the rows that a command is to work on: marked ones, or the one under the cursor."""
        table = self._table()
        return () if table is None else table.chosen

    def text_to_copy(self) -> str:
        """Return what ``y`` copies; for subclasses."""
        return ""

    def argument_choices(self, command: type[Command]) -> Sequence[str]:
        """Return the arguments that completion offers for a command."""
        table = self._table()
        if command is Sort and table is not None:
            columns = [column.key for column in table.sortable]
            return (*columns, *(f"-{column}" for column in columns), "none")
        if issubclass(command, FleetCommand) and command.options:
            return tuple(option.value for option in command.options)
        if command is Filter:
            return tuple(typed for typed, _ in self.FILTER_HELP if typed.endswith(":"))
        return command.choices

    def look_again(self) -> None:
        """Ask the fleet again, after something was done; for subclasses."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Remove what a read-only console must not do, and while text is typed the keys that type it."""
        if action == "command":
            command = next((one for one in self.commands if one.id in parameters), None)
            return command is not None and not (isinstance(self.focused, Input) and self._types(command))
        return super().check_action(action, parameters)

    async def action_command(self, command_id: str, argument: str = "") -> None:
        """Do a command, by its id; one that lacks its argument is begun in the command line."""
        command = next((c for c in self.commands if c.id == command_id), None)
        if command is None:
            self.notify("The console is read-only.", severity="warning", markup=False)
        elif reason := self._why_useless(command):
            self.notify(reason, title=command.title, severity="warning", markup=False)
        elif needs_argument(command) and not argument:
            await self.action_open_line(f"{names_of(command)[0]} ")
        elif issubclass(command, FleetCommand):
            if command_id not in self._busy:
                self._busy.add(command_id)
                self._carry_out(command, tuple(self.subjects(command)), self.matching, argument)
        else:
            await self.run_action(f"{command.action}({argument!r})" if argument else command.action)

    def set_focus(
        self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False
    ) -> None:
        """Give a widget the focus; while a command is typed it gets it afterwards."""
        if self._line is not None and self._line.is_attached and widget is not self._line.field:
            self._focused_before = widget
        else:
            super().set_focus(widget, scroll_visible, from_app_focus)

    async def action_open_line(self, text: str = "") -> None:
        """Type a command by its name; what is typed from now on goes into the line."""
        from earthgazer_tui.widgets.command_line import CommandLine

        if self._line is None:
            self._line = CommandLine(self._completions, self.session.lines, self._leave_line, text)
            self._focused_before = self.focused
            await self.mount(self._line)
            self.set_focus(self._line.field)

    def action_copy(self) -> None:
        """Copy what is under the cursor."""
        text = "".join(c for c in self.text_to_copy() if c.isprintable() or c in "\n\t")
        if text:
            self.app.copy_to_clipboard(text)
            self.notify(f"Copied {len(text)} characters.", timeout=2, markup=False)
        else:
            self.notify("Nothing to copy here.", severity="warning", timeout=2, markup=False)

    @work(group="export", exclusive=True)
    async def action_export(self, argument: str = "") -> None:
        """Write the marked rows of the table, or all, to a file."""
        from earthgazer_tui.screens.export import export_rows

        table = self._table()
        rows = () if table is None else (table.marked or tuple(table.rows))
        await export_rows(self, rows, self.title_text.lower(), argument)

    def action_sort_by(self, name: str = "") -> None:
        """Sort the table by a column of this name or title; ask where none is given."""
        table = self._table()
        if table is None:
            self.notify("There is no table here.", title="Sort", severity="warning", markup=False)
        elif not name or not table.sortable:
            table.action_sort()
        elif name.lower() == "none":
            table.sort_by(None)
        else:
            wanted = name.lower().removeprefix("-")
            for column in table.sortable:
                if wanted in (column.key.lower(), column.title.lower()):
                    is_turned = name.startswith("-")
                    table.sort_by(column, is_descending=column.sort_descending != is_turned)
                    return
            known = ", ".join(column.key for column in table.sortable)
            self.notify(
                f"no column {wanted!r}; there are {known}", title="Sort", severity="warning", markup=False
            )

    def action_go_to_task(self, task_id: str) -> None:
        """Open a task."""
        self._go("task", task_id)

    def action_go_to_run(self, run_id: str) -> None:
        """Open a workflow run."""
        self._go("run", run_id)

    def action_go_to_capture(self, number: str) -> None:
        """Open a capture."""
        self._go("capture", number)

    def action_help(self) -> None:
        """Show all keys."""
        from earthgazer_tui.screens.help import Help

        self.app.push_screen(Help(self, self._table()))

    def action_back(self) -> None:
        """Go back to the screen below."""
        self.dismiss(None)

    def action_filter(self, text: str = "") -> None:
        """Type a filter, or filter by this one."""
        bar = self.query_one(FilterBar)
        if text:
            bar.apply(text)
        else:
            bar.open()
            self.set_focus(bar)

    def _types(self, command: type[Command]) -> bool:
        """Return whether a key of a command would be a character in a line of text."""
        return any(is_printable(key) for key in command.keys(self.session.keys).split(",") if key)

    def _completions(self, line: str) -> Sequence[Any]:
        return complete(line, self.commands, self.argument_choices)

    async def _leave_line(self, line: str) -> None:
        """Close the command line and do what was typed, or say why not."""
        if self._line is not None:
            closed, self._line = self._line, None
            closed.remove()
            before = self._focused_before
            self.set_focus(before if before is not None and before.is_attached else None)
        self.session.lines.rewind()
        if not line:
            return
        self.session.lines.add(line)
        usable = self.commands
        hidden = [command for command in self.command_classes() if command not in usable]
        try:
            entry = parse(line, usable, hidden)
        except LineError as error:
            self.notify(str(error), severity="warning", markup=False)
        else:
            await self.action_command(entry.command.id, entry.argument)

    def _table(self) -> LineTable[Any] | None:
        if isinstance(self.focused, LineTable):
            return self.focused
        return next((table for table in self.query(LineTable) if table.has_cursor), None)

    def _footer_keys(self) -> Iterator[tuple[str, str]]:
        """Yield keys and words, the way back and what is always there last."""
        shown = [command for command in self.commands if command.in_footer and not self._why_useless(command)]
        for command in sorted(shown, key=lambda command: command in ALWAYS_SHOWN):
            yield command.shown_key(self.session.keys), command.title

    def _why_useless(self, command: type[Command]) -> str:
        """Return why a command can do nothing with this kind of fleet; empty where it can."""
        snapshot = self.session.store.snapshot
        if snapshot is None:
            return ""
        if command.only_embedded and not snapshot.is_embedded:
            return "No embedded stack: workers of such a one alone can be started and stopped here."
        if command.only_own and snapshot.is_foreign:
            return "This fleet is not known to be EarthGazer's, so there is no imagery to work on here."
        return ""

    @work(group="go", exclusive=True)
    async def _go(self, what: str, name: str) -> None:
        from earthgazer_tui.screens.jump import SCREENS

        try:
            screen = await SCREENS[what](self.session, name)
        except FleetError as error:
            self.notify(str(error), title="Go to", severity="warning", markup=False)
        else:
            self.app.push_screen(screen)

    @work(group="command")
    async def _carry_out(
        self,
        command: type[FleetCommand[Any]],
        subjects: Sequence[Any],
        matching: Matching | None,
        argument: str,
    ) -> None:
        try:
            todo = command()
            todo.matching = matching
            if await carry_out(self, self.session.fleet, todo, subjects, argument, self.session.keys):
                self.look_again()
        finally:
            self._busy.discard(command.id)
