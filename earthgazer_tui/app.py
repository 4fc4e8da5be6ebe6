"""The console: modes, theme and the way in and out. It knows no broker and no database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.worker import WorkerFailed

from earthgazer_tui.console_log import log_path
from earthgazer_tui.fleet.errors import FleetError, SettingsError
from earthgazer_tui.fleet.models import QuitChoice
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.screens.start import StartScreen
from earthgazer_tui.state.keymap import Keymap
from earthgazer_tui.state.line_history import LineHistory
from earthgazer_tui.state.place import Place
from earthgazer_tui.state.session import Session
from earthgazer_tui.state.store import Store
from earthgazer_tui.terminal.driver import FrameDriver
from earthgazer_tui.terminal.framed_app import FramedApp
from earthgazer_tui.theme import theme_for
from earthgazer_tui.widgets.line_table import LineTable

logger = logging.getLogger(__name__)

EXIT_FAILED, EXIT_USAGE = 1, 2
OPENING = "opening"
"""Mode in which another fleet is being opened."""
WATCH_AGAIN_S = 1.0
"""Pause before a broken watch is begun anew."""
BUILD_SCREENS_AFTER_S = 2.0
"""Pause before screens that nobody asked for yet are imported and built, so that live data come first."""
BUILD_EVERY_S = 0.2
"""Pause between two of them: a key waits for one screen at most."""


class ConsoleApp(FramedApp[None], inherit_bindings=False):
    """Starts a fleet, shows it, and tells how the operator wants it left."""

    TITLE = "EarthGazer"
    CSS_PATH = "app.tcss"
    COMMANDS = set()  # noqa: RUF012 - Textual declares it so; screens bring their own
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+c", "interrupt", "Quit", show=False, priority=True, id="app.interrupt", tooltip="Quit now"
        ),
        Binding(
            "ctrl+l",
            "repaint",
            "Repaint",
            show=False,
            id="app.repaint",
            tooltip="Paint the whole screen anew",
        ),
    ]

    def __init__(
        self,
        make_fleet: Callable[[], Fleet],
        *,
        is_read_only: bool = False,
        refresh_s: float = 1.0,
        config_directory: Path | None = None,
        place: Place | None = None,
        places: Callable[[], Sequence[Place]] = tuple,
    ) -> None:
        """Make the console.

        Args:
            make_fleet: Makes the fleet; called in a thread after the first paint, since it imports much.
            is_read_only: Whether commands that change the world are removed.
            refresh_s: Seconds between two questions of the active screen to the fleet.
            config_directory: Where the operator's own files are; None for none.
            place: The fleet by name, where it has one; wins over ``make_fleet`` and ``is_read_only``.
            places: Returns the fleets that can be switched to; called in a thread.
        """
        super().__init__(driver_class=FrameDriver)
        theme = theme_for(self.console.color_system)
        self.register_theme(theme)
        self.theme = theme.name
        # Now, while there is no CSS: with other colours all of it is parsed anew.
        self.stylesheet.set_variables(self.get_css_variables())
        self._place = place or Place("", make_fleet, is_read_only)
        self._first = self._wanted = self._place
        self._places = places
        self._opening: Fleet | None = None
        self._to_close: dict[Fleet, QuitChoice | None] = {}
        self._mode_before = ""
        self._main_modes: tuple[str, ...] = ()
        self._refresh_s = refresh_s
        self._config_directory = config_directory
        self._start = StartScreen()
        self._lines = LineHistory()
        self._is_leaving = False
        self.fleet: Fleet | None = None
        """The fleet that is looked at; whoever runs the app closes it."""
        self.failure = ""
        """Why there was nothing to look at; empty where there was."""
        self.quit_choice: QuitChoice | None = None
        """What is to become of an embedded stack; None where nobody chose."""

    def on_mount(self) -> None:
        """Show what is being started, and start it once that is painted."""
        self.animation_level = "none"
        self.push_screen(self._start)
        self.call_after_refresh(self._open_fleet)

    @work(group="start", exclusive=True)
    async def _open_fleet(self) -> None:
        place = self._wanted
        try:
            if self._opening is None:
                self._opening = await asyncio.to_thread(place.make_fleet)
            await self._opening.open(self._start.show_step)
        except FleetError as error:
            self.failure = str(error)
            if isinstance(error, SettingsError) and place is self._first:
                self.exit(return_code=EXIT_USAGE)
            else:
                self._start.show_failure(self.failure)
            return
        await self._look_at(place, self._opening)
        await asyncio.sleep(BUILD_SCREENS_AFTER_S)
        await self._build_screens()

    async def _build_screens(self) -> None:
        """Build the main screens that nobody has asked for yet, so that a key finds them ready."""
        # Not at the top: what comes after the first frame need not be imported before it.
        from earthgazer_tui.screens.modes import load_screens

        await asyncio.to_thread(load_screens)
        for mode in self._main_modes:
            if mode not in self._screen_stacks:
                await asyncio.sleep(BUILD_EVERY_S)
                await self.build_mode(mode)

    async def _look_at(self, place: Place, fleet: Fleet) -> None:
        """Show a fleet that is open; the one before is let go."""
        from earthgazer_tui.screens.modes import mode_screens

        before, self.fleet, self._opening, self._place = self.fleet, fleet, None, place
        self.workers.cancel_group(self, "watch")
        for mode in self._main_modes:
            await self.remove_mode(mode)
        keymap = await self._read_keys()
        session = Session(
            fleet, Store(self), place.is_read_only, self._refresh_s, keymap.keys, self._lines, place.colour
        )
        modes = mode_screens(session)
        for mode, make in modes.items():
            self.add_mode(mode, make)
        self._main_modes = tuple(modes)
        self._watch(session)
        await self.switch_mode("overview")
        if before is not None:
            await self.remove_mode(OPENING)
            self._let_go(before, self._to_close.get(before))
        if keymap.complaints:
            self.notify(
                "\n".join(keymap.complaints), title="Keys", severity="warning", timeout=12, markup=False
            )

    @property
    def left_open(self) -> Mapping[Fleet, QuitChoice | None]:
        """The fleets that are not closed yet, and what is to become of each; for whoever runs the app."""
        left = dict(self._to_close)
        if self._opening is not None:
            left[self._opening] = None
        if self.fleet is not None:
            left[self.fleet] = self.quit_choice
        return left

    @work(group="closing")
    async def _let_go(self, fleet: Fleet, choice: QuitChoice | None) -> None:
        """Close a fleet that isn't looked at any more."""
        self._to_close[fleet] = choice
        try:
            await fleet.close(choice)
        except FleetError as error:
            logger.warning("closing a fleet: %s", error)
        self._to_close.pop(fleet, None)

    @work(group="context", exclusive=True)
    async def action_switch_context(self, name: str = "") -> None:
        """Look at another fleet, by its name or chosen from a list."""
        if self._opening is not None and not self.failure:
            return
        try:
            places = await asyncio.to_thread(self._places)
        except FleetError as error:
            self.notify(str(error), title="Contexts", severity="error", timeout=12, markup=False)
            return
        place = next((one for one in places if one.name == name), None)
        if name and place is None:
            known = ", ".join(one.name for one in places)
            self.notify(f"no context {name!r}: there are {known}", severity="error", markup=False)
            return
        if place is None:
            from earthgazer_tui.screens.contexts import ContextDialog

            place = await self.push_screen_wait(ContextDialog(places, self._place.name))
        if place is not None:
            await self._switch_to(place)

    async def _switch_to(self, place: Place) -> None:
        """Open another fleet; the one before stays until that is done."""
        self._give_up_opening()
        self.failure = ""
        if self.fleet is not None and self.current_mode != OPENING:
            choice = await self._quit_choice()
            if choice is None:
                return
            self._to_close[self.fleet] = choice
            self._mode_before = self.current_mode
        self._wanted = place
        if self.fleet is None or self.current_mode == OPENING:
            self._start.clear(place.name)
        else:
            self._start = StartScreen(place.name, self._place.name)
            self.add_mode(OPENING, lambda: self._start)
            await self.switch_mode(OPENING)
        self._open_fleet()

    def _give_up_opening(self) -> None:
        """Let go of a fleet that could not be opened, or is not wanted any more."""
        self.workers.cancel_group(self, "start")
        opening, self._opening = self._opening, None
        if opening is not None:
            self._let_go(opening, None)

    @work(group="context", exclusive=True)
    async def action_go_back(self) -> None:
        """Go on with the fleet before."""
        if self.fleet is None or self.current_mode != OPENING:
            return
        self._give_up_opening()
        self.failure = ""
        self._to_close.pop(self.fleet, None)
        await self.switch_mode(self._mode_before)
        await self.remove_mode(OPENING)

    async def _read_keys(self) -> Keymap:
        """Put the operator's own keys in force; what is wrong with them is logged too."""
        keymap = Keymap({})
        if self._config_directory is not None:
            from earthgazer_tui.screens.keys import console_keymap

            keymap = await asyncio.to_thread(console_keymap, self._config_directory)
        for complaint in keymap.complaints:
            logger.warning("%s", complaint)
        self.set_keymap(dict(keymap.keys))
        return keymap

    @work(group="watch")
    async def _watch(self, session: Session) -> None:
        while True:
            try:
                async for snapshot in session.fleet.watch():
                    session.store.take(snapshot)
            except FleetError as error:
                logger.warning("watching the fleet: %s", error)
            await asyncio.sleep(WATCH_AGAIN_S)

    def action_start_again(self) -> None:
        """Try once more to start what failed."""
        if self.failure:
            self.failure = ""
            self._start.clear()
            self._open_fleet()

    @on(LineTable.SortAsked)
    def _choose_order(self, event: LineTable.SortAsked) -> None:
        """Let the operator choose by which column a table, on whichever screen, is sorted."""
        from earthgazer_tui.screens.sort import SortDialog

        if event.table.sortable:
            self.push_screen(SortDialog(event.table))
        else:
            self.notify("The order of these rows has a meaning.", timeout=3, markup=False)

    def _handle_exception(self, error: Exception) -> None:
        """Take an error that nobody caught; one on leaving, when widgets go one by one, changes nothing."""
        if self._exit:
            logger.warning("on leaving", exc_info=error)
            return
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End with one line; Textual would print a traceback with the values of local variables."""
        error: BaseException | None = self._exception
        if isinstance(error, WorkerFailed):
            error = error.error
        logger.critical("the console failed", exc_info=error)
        self.failure = f"internal error ({type(error).__name__}); the traceback is in {log_path()}"
        self._close_messages_no_wait()

    async def action_switch_mode(self, mode: str) -> None:
        """Show a main screen; keys typed meanwhile are for that one."""
        await self.switch_mode(mode)

    def action_interrupt(self) -> None:
        """Quit without a choice."""
        self.exit()

    @work(group="leave")
    async def action_leave(self) -> None:
        """Quit; ask first where that would end work in progress."""
        if self._is_leaving:
            return
        self._is_leaving = True
        try:
            choice = await self._quit_choice()
        finally:
            self._is_leaving = False
        if choice is not None:
            self.quit_choice = choice
            self.exit(return_code=EXIT_FAILED if self.failure else 0)

    async def _quit_choice(self) -> QuitChoice | None:
        """Return what is to become of the stack, or None to stay."""
        if self.fleet is None:
            return QuitChoice.STOP
        try:
            progress = await self.fleet.work_in_progress()
        except FleetError:
            return QuitChoice.WAIT
        if not progress.is_embedded or progress.other_consoles or not (progress.running or progress.waiting):
            return QuitChoice.STOP
        from earthgazer_tui.screens.quit_dialog import QuitDialog

        return await self.push_screen_wait(QuitDialog(progress))
