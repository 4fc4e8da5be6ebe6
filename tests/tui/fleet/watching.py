"""Waiting for what a fleet shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from earthgazer_tui.fleet.models import Snapshot
from earthgazer_tui.fleet.protocol import Fleet


async def until(fleet: Fleet, condition: Callable[[Snapshot], object], timeout_s: float = 25.0) -> Snapshot:
    """Return the first snapshot that fulfils a condition."""
    last: Snapshot | None = None

    async def look() -> Snapshot:
        nonlocal last
        async for snapshot in fleet.watch():
            last = snapshot
            if condition(snapshot):
                return snapshot
        raise AssertionError("the fleet was closed")

    try:
        async with asyncio.timeout(timeout_s):
            return await look()
    except TimeoutError:
        raise AssertionError(f"did not come true in {timeout_s} s; last: {last}") from None
