"""The fleets of the config file, to choose one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from earthgazer_tui.screens.steady import SteadyDialog
from earthgazer_tui.state.place import Place

NAME_CELLS = 16


class ContextDialog(SteadyDialog[Place | None]):
    """Lists the fleets; dismisses with the one chosen, or None."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="contexts.leave", tooltip="Stay with this fleet"),
    ]

    def __init__(self, places: Sequence[Place], current: str) -> None:
        super().__init__()
        self.places = tuple(places)
        self.current = current

    def compose(self) -> ComposeResult:
        """Make the title and a line for each fleet."""
        with Vertical(id="dialog"):
            yield Static(Content("Which fleet?"), id="title", markup=False)
            yield OptionList(*(Option(_line(place, self.current)) for place in self.places), id="contexts")
            yield Static(
                Content.assemble(("enter", "bold"), " Look at it   ", ("esc", "bold"), " Stay here"),
                id="note",
                markup=False,
            )

    def on_mount(self) -> None:
        """Begin at the fleet that is looked at now."""
        names = [place.name for place in self.places]
        options = self.query_one(OptionList)
        options.highlighted = names.index(self.current) if self.current in names else 0
        options.focus()

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self.places[event.option_index])

    def action_leave(self) -> None:
        """Stay."""
        self.dismiss(None)


def place_name(place: Place) -> Content:
    """Return a fleet's name in its colour."""
    return Content.styled(place.name, f"bold {place.colour}" if place.colour else "bold")


def _line(place: Place, current: str) -> Content:
    return Content.assemble(
        "● " if place.name == current else "  ",
        place_name(place).pad_right(max(0, NAME_CELLS - len(place.name))),
        (" READ-ONLY " if place.is_read_only else "", "$warning"),
        (f" {place.description}" if place.description else "", "$text-muted"),
    )
