"""Textual's driver, with frames that wait for the terminal to have taken the one before."""

from __future__ import annotations

import asyncio
import os
import select
import threading
from codecs import getincrementaldecoder
from typing import Any, Final, TextIO, cast

from rich.color import ColorSystem
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.events import CursorPosition
from textual.geometry import Offset, Size
from textual.message import Message

from earthgazer_tui.terminal.charset import (
    AFTER_PROBE,
    PROBE,
    Charset,
    StandIns,
    charset_by_answer,
    charset_of,
)
from earthgazer_tui.terminal.flow import ASK, PATIENCE_S, Flow
from earthgazer_tui.terminal.key_parser import KeyParser
from earthgazer_tui.terminal.picture import Picture
from earthgazer_tui.terminal.writer import Writer

LAST_ANSWER_S = 1.0
"""Wait for a last answer on leaving: one that comes later would be typed into the shell."""

_TICK_S: Final = 0.1
_CHUNK: Final = 4096


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
        self._writer: Writer | None = None
        self._loop = asyncio.get_running_loop()
        self._overdue: asyncio.TimerHandle | None = None
        self._is_quiet = threading.Event()
        self._is_quiet.set()
        self._output = cast("TextIO", self._file)
        self._charset = charset_of(self._output.encoding, os.environ)
        self._is_asked = False
        self.begin_frame = self.end_frame = ""
        """Written around each frame where the terminal can show it at one stroke."""

    def start_application_mode(self) -> None:
        """Take the terminal over; nothing is known of what is on it."""
        self._flow.reset()
        self._picture.forget()
        self._writer = Writer(self._output.fileno(), self._output.encoding, self._note_flush, self._note_loss)
        if self._charset is Charset.OTHER:
            self._writer.stand_ins = StandIns()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._charset is Charset.UNKNOWN and not self._is_asked:
            self._is_asked = True
            self.write(PROBE)
            self.write(AFTER_PROBE)

    def disable_input(self) -> None:
        """Read no more, once the last answer has come."""
        if self._flow.is_answer_due and not self.exit_event.is_set():
            self._is_quiet.wait(LAST_ANSWER_S)
        super().disable_input()

    def write(self, data: str) -> None:
        """Give text to our own thread that writes.

        Textual's lets its caller wait once thirty texts are waiting, and on leaving without an end.
        """
        assert self._writer is not None, "the driver isn't in application mode"  # noqa: S101 - as Textual's
        self._writer.write(data)

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was."""
        if self._writer is not None:
            self._writer.leave()
        super().stop_application_mode()

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.stop()
        super().close()

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
            if self._is_asked and self._charset is Charset.UNKNOWN:
                self._charset = charset_by_answer(message.x)
                if self._charset is Charset.OTHER:
                    self._loop.call_soon_threadsafe(self._use_stand_ins)
                return
            self._is_quiet.set()
            self._loop.call_soon_threadsafe(self._note_answer)
            return
        super().process_message(message)

    def _use_stand_ins(self) -> None:
        if self._writer is not None:
            self._writer.stand_ins = StandIns()
        self.repaint()

    def run_input_thread(self) -> None:
        """Read until the driver stops, or the terminal has gone; called by the thread that reads.

        Textual's own would spin at the end of a terminal, and end the app at a byte that is no UTF-8.
        """
        parser = KeyParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        while not self.exit_event.is_set():
            if select.select([self.fileno], [], [], _TICK_S)[0]:
                # On a busy machine an escape may have stood alone for long before we got to look.
                for message in parser.tick():
                    self.process_message(message)
                try:
                    data = os.read(self.fileno, _CHUNK)
                except OSError:
                    data = b""
                if not data:
                    self._note_loss()
                    return
                for message in parser.feed(decode(data)):
                    self.process_message(message)
            for message in parser.tick():
                self.process_message(message)

    def _send(self) -> None:
        if not (self._picture.is_changed and self._flow.is_open) or self._writer is None:
            return
        frame = self._picture.frame()
        if not frame:
            return
        place = f"\x1b[{self._cursor.y + 1};{self._cursor.x + 1}H"
        self._is_quiet.clear()
        self.write(f"{self.begin_frame}{frame}{place}{self.end_frame}{ASK}")
        self._flow.sent(self._writer.given)
        if self._overdue is None:
            self._overdue = self._loop.call_later(PATIENCE_S, self._look_for_overdue)

    def _note_flush(self, end: int) -> None:
        """Note, in the thread that writes, how much the line has taken."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._note_written, end)

    def _note_loss(self) -> None:
        """Leave: the terminal has gone, and not everybody is told so by a signal."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._app.exit)

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
