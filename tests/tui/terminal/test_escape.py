"""Escape and the next key in one write, in a real terminal, above a screen that is busy."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.campaigns.faulty_terminal import FaultyTerminal
from tests.tui.terminal.test_driver import ROOT

DEADLINE_S = 40.0
DIALOG = """
import asyncio
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Static
from earthgazer_tui.terminal.driver import FrameDriver
from earthgazer_tui.terminal.framed_app import FramedApp

class Dialog(ModalScreen):
    BINDINGS = [("escape", "app.pop_screen", "Close")]
    def compose(self):
        yield Static("dialog")
    async def on_resize(self):
        await asyncio.sleep(0.3)

class Desk(FramedApp):
    BINDINGS = [
        ("q", "quit", "Quit"), ("d", "dialog", "Dialog"), ("1", "one", "One"), ("colon", "two", "Two"),
    ]
    def compose(self):
        yield Static("desk")
    def action_dialog(self):
        self.push_screen(Dialog())
    def action_one(self):
        self.query_one(Static).update("first")
    def action_two(self):
        self.query_one(Static).update("second")

Desk(driver_class=FrameDriver).run(mouse=False)
"""


def test_no_key_is_lost_behind_an_escape(tmp_path: Path) -> None:
    env = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    with FaultyTerminal(
        [sys.executable, "-c", DIALOG], env=env, cwd=tmp_path, columns=80, lines=24
    ) as terminal:
        terminal.wait_for("desk")
        for keys, word in ((b"\x1b1", "first"), (b"\x1b:", "second")):
            terminal.press("d")
            terminal.wait_for("dialog")
            for number in range(3):
                terminal.resize(40 + number, 10)
            terminal.resize(80, 24)
            terminal.type_bytes(keys)
            terminal.wait_for(word, timeout_s=DEADLINE_S)
        terminal.press("q")
        assert terminal.wait_exit(DEADLINE_S) == 0
        assert terminal.complaints() == []
