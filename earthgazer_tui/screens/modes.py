"""The main screens by the name of their mode, each imported when it is shown for the first time."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from textual.screen import Screen

from earthgazer_tui.state.session import Session

SCREENS = {
    "overview": "OverviewScreen",
    "captures": "CapturesScreen",
    "queues": "QueuesScreen",
    "workflows": "WorkflowsScreen",
    "failed": "FailedScreen",
    "workers": "WorkersScreen",
}


def mode_screens(session: Session) -> dict[str, Callable[[], Screen[None]]]:
    """Return a maker of each main screen."""
    return {mode: _maker(mode, name, session) for mode, name in SCREENS.items()}


def _maker(mode: str, name: str, session: Session) -> Callable[[], Screen[None]]:
    def make() -> Screen[None]:
        module = import_module(f"earthgazer_tui.screens.{mode}")
        screen: Screen[None] = getattr(module, name)(session)
        return screen

    return make
