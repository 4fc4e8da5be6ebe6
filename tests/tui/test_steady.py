"""Screens that take two sizes at once come to rest at the last one."""

from __future__ import annotations

import asyncio

import pytest
from textual.app import App
from textual.events import Resize
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen

from earthgazer_tui.screens.steady import SteadyDialog, SteadyScreen

FIRST, LAST = Size(20, 5), Size(120, 40)


class Other(Message):
    """Anything that stands between two changes of size, so that the later doesn't take the other's place."""


class TwoSizes(App[None]):
    def __init__(self, screen: Screen[None]) -> None:
        super().__init__()
        self._first = screen
        self.resizes = 0

    def on_mount(self) -> None:
        self.push_screen(self._first)


@pytest.mark.parametrize("kind", [SteadyScreen, SteadyDialog])
async def test_two_sizes_on_their_way_do_not_call_each_other_back(
    kind: type[SteadyScreen[None] | SteadyDialog[None]],
) -> None:
    class Counting(kind):  # type: ignore[misc, valid-type]
        laid_out = 0

        def _screen_resized(self, size: Size) -> None:
            self.laid_out += 1
            super()._screen_resized(size)

    screen = Counting()
    async with TwoSizes(screen).run_test(size=LAST) as pilot:
        await pilot.pause()
        for size in (FIRST, LAST):
            screen.post_message(Resize(size, size))
            screen.post_message(Other())
        for _ in range(50):
            await asyncio.sleep(0)
            await pilot.pause()
        assert screen.size == LAST
        assert screen.laid_out < 10
