"""Textual's driver, with frames that wait for the terminal to have taken the one before."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import IO, Any, cast

from rich.color import ColorSystem
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.events import CursorPosition
from textual.geometry import Offset, Size
from textual.message import Message

from earthgazer_tui.terminal.flow import ASK, PATIENCE_S, Flow
from earthgazer_tui.terminal.picture import Picture

LAST_ANSWER_S = 1.0
"""Wait for a last answer on leaving: one that comes later would be typed into the shell."""


class FrameDriver(LinuxDriver):
    """Sends the cells that changed, a frame at a time; the newest state wins.

    What is painted while a frame is on its way is kept as a picture, of which the next frame is made.
    """

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        """Make the driver; Textual calls this."""
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        system = app.console._color_system or ColorSystem.TRUECOLOR
        self._picture = Picture(system)
        self._flow = Flow()
        self._cursor = Offset(0, 0)
        self._given = 0
        self._loop = asyncio.get_running_loop()
        self._overdue: asyncio.TimerHandle | None = None
        self._is_quiet = threading.Event()
        self._is_quiet.set()
        watched = _Watched(cast("IO[str]", self._file), self._note_flush)
        self._file = cast("Any", watched)
        self.begin_frame = self.end_frame = ""
        """Written around each frame where the terminal can show it at one stroke."""

    def start_application_mode(self) -> None:
        """Take the terminal over; nothing is known of what is on it."""
        self._flow.reset()
        self._picture.forget()
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def disable_input(self) -> None:
        """Read no more, once the last answer has come."""
        if self._flow.is_answer_due and not self.exit_event.is_set():
            self._is_quiet.wait(LAST_ANSWER_S)
        super().disable_input()

    def write(self, data: str) -> None:
        """Give text to the thread that writes."""
        self._given += len(data)
        super().write(data)

    def show(self, update: CompositorUpdate, size: Size, cursor: Offset) -> None:
        """Take in what was painted, and send it now or with the next frame.

        Args:
            update: What Textual's compositor painted.
            size: Size of the terminal.
            cursor: Where the cursor is to be.
        """
        self._picture.take(update, size)
        self._cursor = cursor
        self._send()

    def repaint(self) -> None:
        """Send everything once more, whatever is on the terminal."""
        self._picture.forget()
        self._send()

    def process_message(self, message: Message) -> None:
        """Take in what came from the terminal; called by the thread that reads."""
        if isinstance(message, CursorPosition):
            self._is_quiet.set()
            self._loop.call_soon_threadsafe(self._note_answer)
            return
        super().process_message(message)

    def _send(self) -> None:
        if not (self._picture.is_changed and self._flow.is_open):
            return
        frame = self._picture.frame()
        if not frame:
            return
        place = f"\x1b[{self._cursor.y + 1};{self._cursor.x + 1}H"
        self._is_quiet.clear()
        self.write(f"{self.begin_frame}{frame}{place}{self.end_frame}{ASK}")
        self._flow.sent(self._given)
        if self._overdue is None:
            self._overdue = self._loop.call_later(PATIENCE_S, self._look_for_overdue)

    def _note_flush(self, end: int) -> None:
        """Note, in the thread that writes, how much the line has taken."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._note_written, end)

    def _note_written(self, end: int) -> None:
        self._flow.written(end)
        self._send()

    def _note_answer(self) -> None:
        self._flow.answered()
        self._send()

    def _look_for_overdue(self) -> None:
        self._overdue = None
        if self._flow.give_up():
            self._send()
        if self._flow.is_answer_due:
            self._overdue = self._loop.call_later(PATIENCE_S, self._look_for_overdue)


class _Watched:
    """A file that tells at each flush how many characters it was ever given."""

    def __init__(self, file: IO[str], on_flush: Callable[[int], None]) -> None:
        self._file = file
        self._on_flush = on_flush
        self._end = 0

    def write(self, text: str) -> int:
        self._end += len(text)
        return self._file.write(text)

    def flush(self) -> None:
        self._file.flush()
        self._on_flush(self._end)

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        return self._file.isatty()
