"""Carrying out a command while its workers' words are shown as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from textual.screen import Screen

from earthgazer_tui.commands.command import FleetCommand
from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.models import ActionResult
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.screens.replies import Replies
from earthgazer_tui.screens.waiting import first_of


async def run_listening(
    screen: Screen[Any],
    fleet: Fleet,
    command: FleetCommand[Any],
    subjects: Sequence[Any],
    tell: Callable[[ActionResult | FleetError], None],
) -> None:
    """Run a command over a dialog of replies; returns when it has ended, or the dialog was closed before.

    Args:
        screen: Where it was asked for.
        fleet: The fleet that does it.
        command: The command.
        subjects: What it is done to.
        tell: Told what came of it where the dialog is no longer there to say so.
    """
    # Not the worker itself: who waits for one and is cancelled cancels it.
    over = asyncio.Event()
    dialog = Replies(command.title, awaited=command.awaited(subjects))
    command.on_reply = dialog.hear

    async def run() -> None:
        outcome: ActionResult | FleetError
        try:
            outcome = await command.run(fleet, subjects)
        except FleetError as error:
            outcome = error
        if dialog.left.is_set():
            tell(outcome)
        else:
            dialog.finish(outcome if isinstance(outcome, ActionResult) else ActionResult(False, str(outcome)))
        over.set()

    await screen.app.push_screen(dialog)
    # The app's, so that it goes on when its screen is left.
    screen.app.run_worker(run(), group="listening")
    await first_of(over, dialog.left)
