"""An app of Textual that paints through :class:`FrameDriver`."""

from __future__ import annotations

from typing import Any, Generic

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import CompositorUpdate
from textual.app import ReturnType
from textual.events import Resize
from textual.screen import Screen

from earthgazer_tui.terminal.driver import FrameDriver
from earthgazer_tui.terminal.key_order import KeyOrderApp


class FramedApp(KeyOrderApp[ReturnType], Generic[ReturnType]):
    """Gives what is painted to the driver as cells instead of as text.

    Without a terminal, as in tests, it is an app like any other.
    """

    def on_resize(self, event: Resize) -> None:
        """Repaint everything: nobody knows what a terminal makes of its lines at another size."""
        if isinstance(self._driver, FrameDriver):
            self._driver.repaint()

    def action_repaint(self) -> None:
        """Send everything once more, for a terminal that something else wrote to."""
        if isinstance(self._driver, FrameDriver):
            self._driver.repaint()

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
