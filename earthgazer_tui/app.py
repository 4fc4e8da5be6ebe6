"""The console: modes, theme and the way in and out. It knows no broker and no database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.worker import WorkerFailed

from earthgazer_tui.console_log import log_path
from earthgazer_tui.fleet.errors import FleetError, SettingsError
from earthgazer_tui.fleet.models import QuitChoice
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.screens.modes import load_screens, mode_screens
from earthgazer_tui.screens.start import StartScreen
from earthgazer_tui.state.session import Session
from earthgazer_tui.state.store import Store
from earthgazer_tui.theme import theme_for

logger = logging.getLogger(__name__)

EXIT_FAILED, EXIT_USAGE = 1, 2
WATCH_AGAIN_S = 1.0
"""Pause before a broken watch is begun anew."""
LOAD_SCREENS_AFTER_S = 2.0
"""Pause before screens that nobody asked for yet are imported, so that live data come first."""


class ConsoleApp(App[None], inherit_bindings=False):
    """Starts a fleet, shows it, and tells how the operator wants it left."""

    TITLE = "EarthGazer"
    CSS_PATH = "app.tcss"
    COMMANDS = set()  # noqa: RUF012 - Textual declares it so; screens bring their own
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+c", "interrupt", "Quit", show=False, priority=True, id="app.interrupt", tooltip="Quit now"
        ),
    ]

    def __init__(
        self, make_fleet: Callable[[], Fleet], *, is_read_only: bool = False, refresh_s: float = 1.0
    ) -> None:
        """Make the console.

        Args:
            make_fleet: Makes the fleet; called in a thread after the first paint, since it imports much.
            is_read_only: Whether commands that change the world are removed.
            refresh_s: Seconds between two questions of the active screen to the fleet.
        """
        super().__init__()
        theme = theme_for(self.console.color_system)
        self.register_theme(theme)
        self.theme = theme.name
        self._make_fleet = make_fleet
        self._is_read_only = is_read_only
        self._refresh_s = refresh_s
        self._start = StartScreen()
        self._is_leaving = False
        self.fleet: Fleet | None = None
        """The fleet, once made; whoever runs the app closes it."""
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
        try:
            if self.fleet is None:
                self.fleet = await asyncio.to_thread(self._make_fleet)
            await self.fleet.open(self._start.show_step)
        except SettingsError as error:
            self.failure = str(error)
            self.exit(return_code=EXIT_USAGE)
            return
        except FleetError as error:
            self.failure = str(error)
            self._start.show_failure(self.failure)
            return
        session = Session(self.fleet, Store(self), self._is_read_only, self._refresh_s)
        for mode, make in mode_screens(session).items():
            self.add_mode(mode, make)
        self._watch(session)
        await self.switch_mode("overview")
        await asyncio.sleep(LOAD_SCREENS_AFTER_S)
        await asyncio.to_thread(load_screens)

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

    def _fatal_error(self) -> None:
        """End with one line; Textual would print a traceback with the values of local variables."""
        error: BaseException | None = self._exception
        if isinstance(error, WorkerFailed):
            error = error.error
        logger.critical("the console failed", exc_info=error)
        self.failure = f"internal error ({type(error).__name__}); the traceback is in {log_path()}"
        self._close_messages_no_wait()

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
        if self.fleet is None or self.screen is self._start:
            return QuitChoice.STOP
        try:
            progress = await self.fleet.work_in_progress()
        except FleetError:
            return QuitChoice.WAIT
        if not progress.is_embedded or progress.other_consoles or not (progress.running or progress.waiting):
            return QuitChoice.STOP
        from earthgazer_tui.screens.quit_dialog import QuitDialog

        return await self.push_screen_wait(QuitDialog(progress))
