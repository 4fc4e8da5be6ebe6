"""Commands on captures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from earthgazer_tui.commands.command import Command, FleetCommand
from earthgazer_tui.commands.question import Question
from earthgazer_tui.fleet.models import ActionResult, CaptureRow, Freshness
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.wording import counted, mission_name, utc

_IN_WORK = {"running", "waiting"}


def describe(capture: CaptureRow) -> str:
    """Return a capture in one line: ``#12 S2A 2026-11-14 11:23 Évora``."""
    places = ", ".join(capture.locations)
    return f"#{capture.capture_id} {mission_name(capture.mission)} {utc(capture.sensing_time)} {places}"


def _warning(captures: Sequence[CaptureRow]) -> str:
    busy = sum(any(stage.state in _IN_WORK for stage in capture.stages) for capture in captures)
    return f"{counted(busy, 'capture')} of these already in work" if busy else ""


class OpenCapture(Command):
    """Open the capture under the cursor: statistics, series, picture, facts."""

    id = "capture.open"
    key = "o"
    title = "Open"
    action = "open_row"
    key_display = "enter"


class ProcessCaptures(FleetCommand[CaptureRow]):
    """Process the marked captures, or the one under the cursor; what is made already is kept."""

    id = "capture.process"
    key = "P"
    title = "Process"
    only_own: ClassVar[bool] = True

    async def ask(self, fleet: Fleet, subjects: Sequence[CaptureRow]) -> Question | None:
        """Ask above one capture."""
        if len(subjects) < 2:
            return None
        return Question(
            title=f"Process {len(subjects)} captures?",
            lines=tuple(describe(capture) for capture in subjects),
            note=_warning(subjects),
            yes="Process",
            is_destructive=False,
        )

    async def run(self, fleet: Fleet, subjects: Sequence[CaptureRow]) -> ActionResult:
        """Start their workflow."""
        return await fleet.process([capture.capture_id for capture in subjects])


class ReprocessCaptures(FleetCommand[CaptureRow]):
    """Make everything anew for the marked captures, or the one under the cursor."""

    id = "capture.reprocess"
    key = "R"
    title = "Reprocess"
    only_own: ClassVar[bool] = True

    async def ask(self, fleet: Fleet, subjects: Sequence[CaptureRow]) -> Question | None:
        """Ask always: it repeats work that may have been done well."""
        return Question(
            title=f"Reprocess {counted(len(subjects), 'capture')} from the start?",
            lines=tuple(describe(capture) for capture in subjects),
            note=_warning(subjects) or "Bands are fetched and artifacts made again.",
            yes="Reprocess",
        )

    async def run(self, fleet: Fleet, subjects: Sequence[CaptureRow]) -> ActionResult:
        """Start their workflow, forced."""
        return await fleet.process([capture.capture_id for capture in subjects], force=True)


class DiscoverCaptures(FleetCommand[Freshness]):
    """Search the catalogue for new captures of all active locations."""

    id = "capture.discover"
    key = "D"
    title = "Discover"
    only_own: ClassVar[bool] = True
    needs_subject: ClassVar[bool] = False

    async def run(self, fleet: Fleet, subjects: Sequence[Freshness]) -> ActionResult:
        """Start the search."""
        return await fleet.discover()


class NextView(Command):
    """Show the next part: histogram, series, preview, facts."""

    id = "capture.next-view"
    key = "tab,right"
    title = "View"
    action = "next_view"


class PreviousView(Command):
    """Show the part before."""

    id = "capture.previous-view"
    key = "shift+tab,left"
    title = "View before"
    action = "next_view(-1)"
    in_footer = False


class SwitchPreview(Command):
    """Switch the preview between NDVI and true colour."""

    id = "capture.preview"
    key = "v"
    title = "Picture"
    action = "switch_preview"


class ZoomHistogram(Command):
    """Zoom the histogram to where there are values, or back to [-1, 1]."""

    id = "capture.zoom"
    key = "z"
    title = "Zoom"
    action = "zoom_histogram"


class NextSeries(Command):
    """Show the time series of the capture's next location."""

    id = "capture.series"
    key = "l"
    title = "Next location"
    action = "next_series"
    in_footer = False
