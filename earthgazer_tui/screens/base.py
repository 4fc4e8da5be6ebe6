"""The base of all main and detail screens of the console."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command, FleetCommand
from earthgazer_tui.commands.common import COMMON, MODES, Back, Filter
from earthgazer_tui.fleet.errors import FilterError, FleetError
from earthgazer_tui.fleet.models import ServiceState, Snapshot
from earthgazer_tui.screens.carry_out import carry_out
from earthgazer_tui.screens.frame import banner_text, header_state
from earthgazer_tui.screens.palette import palette_provider
from earthgazer_tui.state.pace import Pace
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.banner import Banner
from earthgazer_tui.widgets.filter_bar import FilterBar
from earthgazer_tui.widgets.filter_note import FilterNote
from earthgazer_tui.widgets.key_bar import KeyBar
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.status_header import StatusHeader


class FleetScreen(Screen[None]):
    """A screen over a fleet: header, banner, body and keys; commands; looking again while it is active.

    A subclass says its commands in ``OWN_COMMANDS`` and overrides :meth:`compose_body`, and of
    :meth:`show_snapshot`, :meth:`refresh_data` and :meth:`subjects` what it needs.
    """

    CSS_PATH: ClassVar[CSSPathType | None] = "base.tcss"
    COMMANDS = {palette_provider}  # noqa: RUF012 - Textual declares it so
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = ()
    """Commands of this screen alone, the most important first."""
    NEEDS: ClassVar[tuple[str, ...]] = ("broker",)
    """Services (``broker``, ``database``) without which what it shows is old."""
    SNAPSHOT_S: ClassVar[float] = 0.5
    """Seconds between two snapshots shown, in the long run; the newest wins."""
    IS_DETAIL: ClassVar[bool] = False
    """Whether it lies over another screen, to which escape goes back."""
    CAN_FILTER: ClassVar[bool] = False
    """Whether it has a filter line, whose text is :attr:`filter_text`."""
    FILTER_HINT: ClassVar[str] = "words to look for"
    """What the empty filter line says."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        cls.BINDINGS = [command.binding() for command in cls.command_classes()]
        super().__init_subclass__(**kwargs, inherit_bindings=False)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._trouble = ""
        self._busy: set[str] = set()
        self._pace = Pace(self.SNAPSHOT_S)
        self._show_timer: Timer | None = None
        self._is_refreshing = False

    @classmethod
    def command_classes(cls) -> tuple[type[Command], ...]:
        """Return all commands of this screen: its own, then those that every screen has."""
        back = (Back,) if cls.IS_DETAIL else ()
        found = (Filter,) if cls.CAN_FILTER else ()
        return (*cls.OWN_COMMANDS, *found, *back, *COMMON, *MODES)

    @property
    def commands(self) -> Sequence[type[Command]]:
        """The commands that can be used: without the changing ones where the console is read-only."""
        is_read_only = self.session.is_read_only
        return [command for command in self.command_classes() if not (is_read_only and command.changes_world)]

    @property
    def filter_text(self) -> str:
        """The filter typed by the operator; empty where there is none."""
        return self.query_one(FilterBar).text if self.CAN_FILTER else ""

    def compose(self) -> ComposeResult:
        """Make the frame around the body."""
        yield StatusHeader()
        yield Banner()
        if self.CAN_FILTER:
            yield FilterBar(self.FILTER_HINT)
            yield FilterNote()
        with Vertical(id="body"):
            yield from self.compose_body()
        yield KeyBar()

    def compose_body(self) -> ComposeResult:
        """Make what is between banner and keys; for subclasses."""
        yield from ()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show what of the snapshot belongs here; for subclasses."""

    async def refresh_data(self) -> None:
        """Ask the fleet for what isn't in the snapshot and show it; for subclasses.

        Called about once a second while the screen is active. A :class:`FleetError` may pass: it is
        shown in the banner until it is over.
        """

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the rows that a command is to work on: marked ones, or the one under the cursor."""
        table = self._table()
        return () if table is None else table.chosen

    def text_to_copy(self) -> str:
        """Return what ``y`` copies; for subclasses."""
        return ""

    def on_mount(self) -> None:
        """Follow the store and start looking."""
        store = self.session.store
        store.shown.subscribe(self, lambda _: self._take_snapshot())
        store.freeze_changed.subscribe(self, lambda _: self._show_frame())
        self.set_interval(self.session.refresh_s, self._poll)
        self.query_one(KeyBar).show_keys(list(self._footer_keys()))

    def on_screen_resume(self) -> None:
        """Show the newest as soon as the screen is in front."""
        self._show_latest()
        self._poll()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Remove what a read-only console must not do."""
        if action == "command":
            return any(command.id in parameters for command in self.commands)
        return super().check_action(action, parameters)

    async def action_command(self, command_id: str) -> None:
        """Do a command, by its id."""
        command = next((c for c in self.commands if c.id == command_id), None)
        if command is None:
            self.notify("The console is read-only.", severity="warning", markup=False)
        elif issubclass(command, FleetCommand):
            if command_id not in self._busy:
                self._busy.add(command_id)
                self._carry_out(command, tuple(self.subjects(command)))
        else:
            await self.run_action(command.action)

    def action_refresh_now(self) -> None:
        """Ask the fleet again at once."""
        self._refresh()

    def action_freeze(self) -> None:
        """Freeze the view, or let it go on."""
        store = self.session.store
        if store.is_frozen:
            store.thaw()
            self._poll()
        else:
            store.freeze()

    def action_copy(self) -> None:
        """Copy what is under the cursor."""
        text = "".join(c for c in self.text_to_copy() if c.isprintable() or c in "\n\t")
        if text:
            self.app.copy_to_clipboard(text)
            self.notify(f"Copied {len(text)} characters.", timeout=2, markup=False)
        else:
            self.notify("Nothing to copy here.", severity="warning", timeout=2, markup=False)

    def action_help(self) -> None:
        """Show all keys."""
        from earthgazer_tui.screens.help import Help

        self.app.push_screen(Help(self.title_text, self.commands, self._table()))

    def action_back(self) -> None:
        """Go back to the screen below."""
        self.dismiss(None)

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterBar).open()

    @property
    def title_text(self) -> str:
        """Name of the screen, for people."""
        return type(self).__name__.removesuffix("Screen")

    @on(FilterBar.Filtered)
    def _filtered(self) -> None:
        self._refresh()

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        table = self._table()
        if table is not None:
            table.focus()

    def _table(self) -> LineTable[Any] | None:
        if isinstance(self.focused, LineTable):
            return self.focused
        return next(iter(self.query(LineTable)), None)

    def _footer_keys(self) -> Iterator[tuple[str, str]]:
        for command in self.commands:
            if command.in_footer:
                yield command.shown_key(), command.title

    def _take_snapshot(self) -> None:
        if not self.is_active or self._show_timer is not None:
            return
        wait = self._pace.wait_s()
        if wait <= 0:
            self._show_latest()
        else:
            self._show_timer = self.set_timer(wait, self._show_latest)

    def _show_latest(self) -> None:
        self._show_timer = None
        snapshot = self.session.store.snapshot
        if snapshot is None or not self.is_active:
            return
        self._pace.spend()
        self._show_frame()
        self.show_snapshot(snapshot)

    def _show_frame(self) -> None:
        snapshot = self.session.store.snapshot
        if snapshot is None:
            return
        self.query_one(StatusHeader).show_state(header_state(snapshot, self.session, self.app.current_mode))
        text, severity = banner_text(snapshot, self.NEEDS, self._trouble)
        self.query_one(Banner).show_text(text, severity)
        services = [getattr(snapshot, name).state for name in self.NEEDS]
        self.query_one("#body").set_class(ServiceState.DOWN in services, "-stale")

    def _poll(self) -> None:
        if self.is_active and not self._is_refreshing and not self.session.store.is_frozen:
            self._refresh()

    @work(exclusive=True, group="refresh")
    async def _refresh(self) -> None:
        self._is_refreshing = True
        trouble = ""
        misread: FilterError | None = None
        try:
            await self.refresh_data()
        except FilterError as error:
            misread = error
        except FleetError as error:
            trouble = str(error)
        finally:
            self._is_refreshing = False
        if self.CAN_FILTER:
            self._show_misread(misread)
        if trouble != self._trouble:
            self._trouble = trouble
            self._show_frame()

    def _show_misread(self, error: FilterError | None) -> None:
        note = self.query_one(FilterNote)
        if error is None:
            note.clear()
        else:
            note.show_reason(error.reason, self.query_one(FilterBar).cell_of(error.position))

    @work(group="command")
    async def _carry_out(self, command: type[FleetCommand[Any]], subjects: Sequence[Any]) -> None:
        try:
            if await carry_out(self, self.session.fleet, command(), subjects):
                self._refresh()
        finally:
            self._busy.discard(command.id)
