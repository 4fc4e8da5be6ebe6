"""The main screens by the name of their mode, each imported when it is shown for the first time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.state.session import Session

SCREENS = {
    "overview": "OverviewScreen",
    "captures": "CapturesScreen",
    "queues": "QueuesScreen",
    "workflows": "WorkflowsScreen",
    "failed": "FailedScreen",
    "workers": "WorkersScreen",
    "tasks": "TasksScreen",
    "schedule": "ScheduleScreen",
    "history": "HistoryScreen",
    "doctor": "DoctorScreen",
}


def screen_class(mode: str) -> type[FleetScreen]:
    """Return the class of a main screen."""
    found: type[FleetScreen] = getattr(import_module(f"earthgazer_tui.screens.{mode}"), SCREENS[mode])
    return found


def load_screens() -> None:
    """Import all main screens, for a thread that has nothing better to do."""
    for mode in SCREENS:
        screen_class(mode)


def mode_screens(session: Session) -> dict[str, Callable[[], FleetScreen]]:
    """Return a maker of each main screen."""
    return {mode: partial(_make, mode, session) for mode in SCREENS}


def _make(mode: str, session: Session) -> FleetScreen:
    return screen_class(mode)(session)
