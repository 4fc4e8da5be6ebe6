"""What was painted is what is meant to be seen, whatever was asked between two layouts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from rich.color import ColorSystem
from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.errors import NoWidget
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from earthgazer_tui.terminal.framed_app import FramedApp
from earthgazer_tui.terminal.picture import Picture


class PaintedApp(FramedApp[None]):
    """Keeps a picture of everything that it painted."""

    CSS = """
    Screen { layers: below above; }
    #rack { dock: bottom; height: auto; layer: above; visibility: hidden; }
    #over { width: 20; height: 3; visibility: visible; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._picture = Picture(ColorSystem.TRUECOLOR)

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            for number in range(60):
                yield Static(f"line {number}")
        with Container(id="rack"):
            yield Static("over it", id="over")

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        if renderable is not None and not self._batch_count:
            self._picture.take(renderable, self.size)
        super()._display(screen, renderable)

    def painted(self) -> list[str]:
        return ["".join(texts).rstrip() for texts, _ in self._picture._wanted]

    def has_settled(self) -> bool:
        """Whether everything is painted, and nothing that was asked for is still to be done."""
        screen = self.screen
        is_due = screen._layout_required or screen._repaint_required or screen._dirty_widgets
        return "over it" in self.painted() and not is_due and not screen._callbacks

    def meant(self) -> list[str]:
        return [strip.text.rstrip() for strip in self.screen._compositor.render_strips()]


@pytest.fixture
def app() -> PaintedApp:
    return PaintedApp()


async def test_a_widget_that_went_is_painted_over_whoever_asked_for_a_place(app: PaintedApp) -> None:
    async with app.run_test() as pilot:
        await until(pilot, app.has_settled)
        with app.batch_update():
            await app.query_one("#over").remove()
            ask_for_a_place(app)
            has_laid_out = next_layout(app)
        await until(pilot, has_laid_out.is_set)
        assert app.painted() == app.meant()
        assert "over it" not in app.painted()


async def test_a_widget_that_came_is_told_its_size_whoever_asked_for_a_place(app: PaintedApp) -> None:
    class Sized(Static):
        def on_resize(self) -> None:
            sizes.append(self.size.height)

    sizes: list[int] = []
    async with app.run_test() as pilot:
        await until(pilot, app.has_settled)
        with app.batch_update():
            await app.mount(Sized("late"))
            ask_for_a_place(app)
        await until(pilot, lambda: sizes)
        assert sizes == [1]
        assert app.painted() == app.meant()


async def until(pilot: Pilot[None], is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(20.0):
        while not is_so():
            await pilot.pause(0.02)


def next_layout(app: PaintedApp) -> asyncio.Event:
    """Return what is set as soon as the next layout is painted."""
    event = asyncio.Event()
    screen = app.screen
    screen.screen_layout_refresh_signal.subscribe(screen, lambda _: event.set(), immediate=True)
    return event


def ask_for_a_place(app: PaintedApp) -> None:
    """Ask where a widget is of which the compositor does not know yet, as the focus and a scroll do."""
    unknown = Static()
    compositor = app.screen._compositor
    compositor.update_widgets({unknown})
    with pytest.raises(NoWidget):
        compositor.find_widget(unknown)
