"""Screens that come to rest after any number of changes of the terminal's size."""

from __future__ import annotations

from textual.geometry import Size
from textual.screen import ModalScreen, Screen, ScreenResultType


class SteadyScreen(Screen[ScreenResultType]):
    """Is laid out for the terminal as it is now, whatever size a message tells.

    A screen that takes another size tells itself so once more. Two sizes that are on their way at once would
    call each other back for ever, and no key would be heard.
    """

    def _screen_resized(self, size: Size) -> None:
        super()._screen_resized(self.app.size)


class SteadyDialog(ModalScreen[ScreenResultType]):
    """The same for what is shown above a screen."""

    def _screen_resized(self, size: Size) -> None:
        super()._screen_resized(self.app.size)
