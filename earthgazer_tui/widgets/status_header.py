"""The two lines on top: what we look at and how it is, and the screens with their counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.events import Resize
from textual.widgets import Static


@dataclass(frozen=True, slots=True)
class Tab:
    """One main screen."""

    key: str
    """Its digit."""
    title: str
    """Its name."""
    short: str
    """Its name in four letters or less, for narrow terminals."""
    count: int | None
    """What the badge says; None or 0 shows none."""
    is_current: bool
    """Whether it is the one shown."""
    is_alarming: bool = False
    """Whether the count is bad news."""


@dataclass(frozen=True, slots=True)
class HeaderState:
    """All that the header shows."""

    context: str = ""
    """Name of what we look at."""
    colour: str = ""
    """Colour of that name; empty for none."""
    flags: tuple[str, ...] = ()
    """``READ-ONLY``, ``FROZEN 12:03:11``."""
    services: tuple[tuple[str, str], ...] = ()
    """(service, state), a name of ``ServiceState`` each."""
    tabs: Sequence[Tab] = ()
    """The main screens."""


SERVICE_SIGNS = {
    "up": ("●", "$success"),
    "down": ("✗", "bold $error"),
    "connecting": ("…", "$warning"),
    "absent": ("-", "$text-muted"),
}


class StatusHeader(Static):
    """Two lines that are repainted only when what they say changes; there is no clock in them."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    StatusHeader { dock: top; height: 2; width: 1fr; padding: 0 1; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._state = HeaderState()

    def show_state(self, state: HeaderState) -> None:
        """Show this."""
        if state != self._state:
            self._state = state
            self._lay_out()

    def on_resize(self, event: Resize) -> None:
        """Fit both lines to the new width."""
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.size.width
        state = self._state
        name = (f" {state.context} ", f"bold $background on {state.colour}")
        context = name if state.colour else (state.context, "$foreground")
        left = Content.assemble(("EarthGazer", "bold $primary"), "  ", context)
        for flag in state.flags:
            left = Content.assemble(left, "  ", (f" {flag} ", "bold $background on $warning"))
        right = Content("  ").join(_service(name, service) for name, service in state.services)
        room = width - right.cell_length - 2
        left = left.truncate(max(0, room), ellipsis=True)
        top = left.pad_right(max(1, width - left.cell_length - right.cell_length)) + right
        self.update(Content("\n").join([top, tab_line(state.tabs, width)]))


def tab_line(tabs: Sequence[Tab], width: int) -> Content:
    """Return the main screens on one line: their names as long as there is room for all of them.

    Args:
        tabs: The main screens.
        width: Cells there are.
    """
    line = Content("")
    for gap, names in (
        ("  ", [tab.title for tab in tabs]),
        (" ", [tab.title for tab in tabs]),
        (" ", [tab.title if tab.is_current else tab.short for tab in tabs]),
        (" ", [tab.title if tab.is_current else tab.short[:3] for tab in tabs]),
        (" ", [tab.title if tab.is_current else tab.short[:2] for tab in tabs]),
        (" ", [tab.title if tab.is_current else "" for tab in tabs]),
    ):
        line = Content(gap).join(_tab(tab, name) for tab, name in zip(tabs, names, strict=True))
        if line.cell_length <= width:
            break
    return line.truncate(width, ellipsis=True)


def _service(name: str, state: str) -> Content:
    """Return a service's name with the sign of its state, and the word where it isn't up."""
    sign, style = SERVICE_SIGNS.get(state, ("?", "$warning"))
    word = "" if state == "up" else f" {state}"
    return Content.assemble((sign, style), f" {name}", (word, style))


def _tab(tab: Tab, name: str) -> Content:
    """Return one main screen's key, its name, which may be empty, and its badge."""
    style = "bold reverse" if tab.is_current else "$text-muted"
    badge = f"·{_short(tab.count)}" if tab.count else ""
    badge_style = "bold $error" if tab.is_alarming and not tab.is_current else style
    return Content.assemble((f"{tab.key} {name}".rstrip(), style), (badge, badge_style))


def _short(count: int | None) -> str:
    """Return a count in at most four cells."""
    if count is None:
        return ""
    return str(count) if count < 10_000 else f"{count // 1000}k" if count < 1_000_000 else "1M+"
