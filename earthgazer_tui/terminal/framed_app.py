"""An app of Textual that paints through :class:`FrameDriver`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Generic

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import CompositorUpdate
from textual.app import ReturnType
from textual.events import Resize
from textual.screen import Screen

from earthgazer_tui.terminal.compositor import use_punctual_compositor
from earthgazer_tui.terminal.driver import FrameDriver
from earthgazer_tui.terminal.kept_stylesheet import KeptStylesheet
from earthgazer_tui.terminal.key_order import KeyOrderApp
from earthgazer_tui.terminal.one_shots import ring_late_ones

BUILT_S = 1.0
"""Longest wait for a screen that is being built when the app ends."""


class FramedApp(KeyOrderApp[ReturnType], Generic[ReturnType]):
    """Gives what is painted to the driver as cells instead of as text, and that as soon as it is there.

    Without a terminal, as in tests, it is an app like any other.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ring_late_ones()
        use_punctual_compositor()
        self.stylesheet = KeptStylesheet(variables=self.get_css_variables())
        self._is_built = asyncio.Event()
        self._is_built.set()

    def on_resize(self, event: Resize) -> None:
        """Repaint everything: nobody knows what a terminal makes of its lines at another size."""
        if isinstance(self._driver, FrameDriver):
            self._driver.repaint()

    def action_repaint(self) -> None:
        """Send everything once more, for a terminal that something else wrote to."""
        if isinstance(self._driver, FrameDriver):
            self._driver.repaint()

    def delay_update(self, delay: float = 0.05) -> None:
        """Paint nothing of a change of screens until the new one is laid out; Textual always waits so long.

        Args:
            delay: Longest wait.
        """
        self._begin_batch()
        is_over = False

        def end() -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                self._end_batch()
                if not self._batch_count:
                    self.screen.refresh()

        self.set_timer(delay, end, name="delay_update")
        # First what changes the screens ends, then the new one hears that it is in front.
        self.call_next(lambda: self.screen.call_next(end))

    async def build_mode(self, mode: str) -> None:
        """Build the screen of a mode before it is asked for; an app that is ending takes none more."""
        if not self.is_running:
            return
        self._is_built.clear()
        try:
            await self._init_mode(mode)
        finally:
            self._is_built.set()
        for screen in self._screen_stacks.get(mode, ()):
            # It was styled as it was built: no need to do so again when it comes to the front.
            screen._css_update_count = self._css_update_count

    async def _shutdown(self) -> None:
        """End, once a screen that is just being built has all its parts: its own code asks for them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BUILT_S):
                await self._is_built.wait()
        await super()._shutdown()

    def refresh_css(self, animate: bool = True) -> None:
        """Style what is shown anew, unless that was done since colours changed last."""
        stack = self.screen_stack
        if not stack or stack[-1]._css_update_count != self._css_update_count:
            super().refresh_css(animate)

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Give an update to the driver; Textual calls this for everything that it paints."""
        driver = self._driver
        if not isinstance(driver, FrameDriver) or not isinstance(renderable, CompositorUpdate):
            super()._display(screen, renderable)
            return
        if self._running and not self._closed and not self._batch_count:
            if self._sync_available:
                driver.begin_frame, driver.end_frame = SYNC_START, SYNC_END
            driver.show(renderable, self.size, self.screen.outer_size.clamp_offset(self.cursor_position))
        self.post_display_hook()
