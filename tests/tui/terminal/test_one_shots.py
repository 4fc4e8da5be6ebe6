"""One-shot timers ring, however late they are."""

from __future__ import annotations

import asyncio

import pytest

from earthgazer_tui.terminal.framed_app import FramedApp


@pytest.mark.parametrize("delay_s", [-2.0, -1e-6, 1e-9, 1e-7, 0.02])
async def test_a_timer_rings_once_also_where_its_time_has_passed(delay_s: float) -> None:
    app: FramedApp[None] = FramedApp()
    async with app.run_test():
        rings: list[float] = []
        rang = asyncio.Event()

        def ring() -> None:
            rings.append(delay_s)
            rang.set()

        app.set_timer(delay_s, ring)
        async with asyncio.timeout(20):
            await rang.wait()
        await asyncio.sleep(0.1)
    assert rings == [delay_s]


async def test_a_stopped_timer_does_not_ring() -> None:
    app: FramedApp[None] = FramedApp()
    async with app.run_test():
        rings: list[str] = []
        app.set_timer(0.02, lambda: rings.append("rang")).stop()
        await asyncio.sleep(0.2)
    assert not rings
