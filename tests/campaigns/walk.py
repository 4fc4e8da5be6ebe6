"""Goes through every screen of a console in a terminal, and its details, as fast as it draws."""

# ruff: noqa: E501 - tables of attacks read best on one line each
from __future__ import annotations

import time
from collections.abc import Sequence

from tests.product.terminal import Terminal

DIGITS = "1234567890"
DETAIL = ("down", "enter", "tab", "end", "escape")
OVERLAYS = (("?", "escape"), ("ctrl+p", "escape"), ("/", "a", "escape", "escape"))


def settle(terminal: Terminal, quiet_s: float = 0.25, at_most_s: float = 3.0) -> None:
    """Return once nothing was drawn for a moment, or time is up."""
    deadline = time.monotonic() + at_most_s
    length, since = len(terminal.received), time.monotonic()
    while time.monotonic() < deadline and terminal.exit_code() is None:
        time.sleep(0.03)
        if len(terminal.received) != length:
            length, since = len(terminal.received), time.monotonic()
        elif time.monotonic() - since > quiet_s:
            return


def shown_on(terminal: Terminal) -> str:
    """Return the screen; empty where the emulator stumbles over a wide character that was half overwritten."""
    try:
        return terminal.text()
    except IndexError:
        return ""


def walk(terminal: Terminal, digits: Sequence[str] = DIGITS, *, with_overlays: bool = True) -> dict[str, str]:
    """Visit screens and what lies beneath their first rows; return what was on each."""
    seen: dict[str, str] = {}
    for digit in digits:
        terminal.press(digit)
        settle(terminal)
        seen[digit] = shown_on(terminal)
        for number, key in enumerate(DETAIL):
            terminal.press(key)
            settle(terminal, 0.15, 1.5)
            if number in (1, 2):
                seen[f"{digit} {key}"] = shown_on(terminal)
        terminal.press("escape")
        if terminal.exit_code() is not None:
            return seen
    for keys in OVERLAYS if with_overlays else ():
        terminal.press("2")
        settle(terminal)
        for key in keys:
            terminal.press(key)
            settle(terminal, 0.15, 1.0)
    return seen
