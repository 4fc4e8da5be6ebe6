"""The commands of the active screen in Textual's command palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.command import Provider


def palette_provider() -> type[Provider]:
    """Return the provider's class, imported when the palette is opened for the first time."""
    from earthgazer_tui.screens.command_provider import CommandProvider

    return CommandProvider
