"""Whether each watched place has what it should have by now, in as few lines as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.content import Content

from earthgazer_tui.fleet.models import Freshness
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.wording import age, counted

STATUS_SIGNS = {
    "ok": ("✓", "$success"),
    "waiting": ("…", "$text-muted"),
    "overdue": ("!", "bold $error"),
    "failed": ("✗", "bold $error"),
    "too cloudy": ("≈", "$warning"),
    "not discovered": ("?", "$warning"),
    "not published": ("–", "$text-muted"),
}
"""Sign and style of each status."""

_NAME_WIDTH = 18
_STATUS_WIDTH = 14
_CALM = {"ok", "waiting", "not published"}
"""Statuses that may be folded into a count."""


def freshness_line(place: Freshness, now: datetime) -> Content:
    """Return one line about a place, the most important first."""
    sign, style = STATUS_SIGNS.get(place.status, ("?", "$warning"))
    facts = [f"NDVI {age(place.last_success_at, now)}"]
    if place.next_expected is not None:
        word = "due" if place.next_expected < now else "next"
        facts.append(f"{word} {age(place.next_expected, now)}")
    facts.append(f"sensed {age(place.last_sensing_time, now)}")
    mark = ("!", "bold $error") if place.is_overdue and sign != "!" else (" ", "")
    return Content.assemble(
        mark,
        (f"{sign} ", style),
        (_cell(place.name, _NAME_WIDTH), "bold"),
        (_cell(place.status, _STATUS_WIDTH), style),
        (place.reason, ""),
        ("  " if place.reason else "", ""),
        (" · ".join(facts), "$text-muted"),
    )


def fold(places: Sequence[Freshness], room: int) -> tuple[Sequence[Freshness], Sequence[Freshness]]:
    """Return the places to show on a line each, and those to count on one last line; urgent ones first."""
    if len(places) <= room:
        return places, ()
    urgent = [p for p in places if p.is_overdue or p.status not in _CALM]
    ordered = urgent + [p for p in places if p not in urgent]
    return ordered[: max(room - 1, 0)], ordered[max(room - 1, 0) :]


def _cell(text: str, width: int) -> str:
    return (text if len(text) < width else text[: width - 2] + "…").ljust(width)


class FreshnessList(Lines):
    """Shows how fresh each location is, most urgent first; calm ones are folded where room is short."""

    DEFAULT_CSS = """
    FreshnessList { height: auto; max-height: 10; }
    """

    def show_places(self, places: Sequence[Freshness], room: int, now: datetime) -> None:
        """Show one line for each place, and one for those folded away.

        Args:
            places: How fresh each location is.
            room: Lines that may be used.
            now: What ages are counted to.
        """
        if not places:
            self.show(
                Content.styled("no active location: `earthgazer locations add` makes one", "$text-muted")
            )
            return
        shown, folded = fold(places, room)
        lines = [freshness_line(place, now) for place in shown]
        if folded:
            lines.append(_folded_line(folded))
        self.show(Content("\n").join(lines))


def _folded_line(folded: Sequence[Freshness]) -> Content:
    counts: dict[str, int] = {}
    for place in folded:
        counts[place.status] = counts.get(place.status, 0) + 1
    told = ", ".join(f"{n} {status}" for status, n in counts.items())
    return Content.styled(f"   and {counted(len(folded), 'more location')}: {told}", "$text-muted")
