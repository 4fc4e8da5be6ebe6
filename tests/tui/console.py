"""Run the console over a scripted fleet in a test, and read what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

from textual.pilot import Pilot

from earthgazer_tui.app import ConsoleApp
from tests.tui.scripted_fleet import ScriptedFleet

DEADLINE_S = 5.0
ENDLESS = {"watch", "start"}
"""Groups of workers that a settled console may still have."""


@asynccontextmanager
async def console(
    fleet: ScriptedFleet, *, size: tuple[int, int] = (80, 24), is_read_only: bool = False
) -> AsyncIterator[Pilot[None]]:
    """Yield a pilot of a console that shows the overview of this fleet."""
    app = ConsoleApp(lambda: fleet, is_read_only=is_read_only, refresh_s=0.05)
    async with app.run_test(size=size, notifications=True) as pilot:
        if fleet.may_open.is_set() and "open" not in fleet.errors:
            await until(pilot, lambda: app.current_mode == "overview")
            await settle(pilot)
        yield pilot


async def settle(pilot: Pilot[None]) -> None:
    """Wait until every worker but the endless ones has ended and all messages are handled."""
    deadline = monotonic() + DEADLINE_S
    while monotonic() < deadline:
        await pilot.pause()
        if not [worker for worker in pilot.app.workers if worker.group not in ENDLESS]:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"workers still run: {list(pilot.app.workers)}")


async def until(pilot: Pilot[None], is_so: Callable[[], bool], what: str = "") -> None:
    """Wait until something is so."""
    deadline = monotonic() + DEADLINE_S
    while monotonic() < deadline:
        if is_so():
            return
        await pilot.pause()
        await asyncio.sleep(0.005)
    raise AssertionError(
        f"{what or 'the condition'} is not so after {DEADLINE_S:.0f} s; shown:\n{shown(pilot)}"
    )


async def until_shown(pilot: Pilot[None], text: str) -> None:
    """Wait until the screen shows a text."""
    await until(pilot, lambda: text in shown(pilot), f"{text!r} is shown")


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys, and let what they start come to rest."""
    for key in keys:
        await pilot.press(key)
        await settle_unless_asked(pilot)


async def settle_unless_asked(pilot: Pilot[None]) -> None:
    """Settle; a dialog that waits for an answer counts as rest."""
    deadline = monotonic() + DEADLINE_S
    while monotonic() < deadline:
        await pilot.pause()
        busy = [worker for worker in pilot.app.workers if worker.group not in ENDLESS]
        if not busy or pilot.app.screen.is_modal:
            await pilot.pause()
            return
        await asyncio.sleep(0.005)


def shown(pilot: Pilot[None]) -> str:
    """Return the whole screen as text, toasts and dialogs included."""
    lines = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line) for line in lines)


def lines_with(pilot: Pilot[None], text: str) -> list[str]:
    """Return the shown lines that hold a text."""
    return [line for line in shown(pilot).splitlines() if text in line]
