"""One capture: what is known of it, its histogram, its place in time and its picture."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Mount
from textual.types import CSSPathType
from textual.widgets import Static

from earthgazer_tui.commands.captures import (
    NextSeries,
    NextView,
    PreviousView,
    ProcessCaptures,
    ReprocessCaptures,
    SwitchPreview,
    ZoomHistogram,
)
from earthgazer_tui.commands.command import Command
from earthgazer_tui.fleet.models import CaptureDetail
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.capture_facts import (
    NO_CLEAR_PIXELS,
    facts,
    heading,
    series_note,
    statistics_lines,
    title,
)
from earthgazer_tui.widgets.histogram import Histogram
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.preview import PreviewPicture
from earthgazer_tui.widgets.series_plot import SeriesPlot

VIEWS = (("histogram", "Histogram"), ("series", "Series"), ("preview", "Preview"), ("facts", "Facts"))
"""(id, name) of the parts; a narrow terminal shows one of them, a wide one all."""
FIRST_ANSWER_S = 0.06
"""Longest that the first frame waits for the database: one frame with everything comes sooner than two."""


class CaptureDetailScreen(FleetScreen):
    """Everything about one capture; what a quick check needs comes first."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "capture_detail.tcss"]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - Textual declares it so
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        NextView,
        PreviousView,
        ZoomHistogram,
        SwitchPreview,
        NextSeries,
        ProcessCaptures,
        ReprocessCaptures,
    )
    NEEDS: ClassVar[tuple[str, ...]] = ("database",)
    IS_DETAIL: ClassVar[bool] = True

    def __init__(self, session: Session, capture_id: int) -> None:
        super().__init__(session)
        self.capture_id = capture_id
        self.detail: CaptureDetail | None = None
        self._view = 0
        self._preview_kind = "ndvi"
        self._series_place = 0
        self._first: asyncio.Task[CaptureDetail] | None = None

    def compose_body(self) -> ComposeResult:
        """Make the title, the names of the views, and the four parts; meanwhile the database is asked."""
        self._first = asyncio.create_task(self.session.fleet.capture(self.capture_id))
        yield Lines(id="title")
        yield Lines(id="views")
        with Container(id="parts"):
            with Vertical(id="histogram", classes="part"):
                yield Lines(id="histogram-heading")
                with Horizontal():
                    yield Histogram()
                    yield Lines(id="statistics")
            with Vertical(id="series", classes="part"):
                yield Lines(id="series-heading")
                yield SeriesPlot()
                yield Lines(id="series-note")
            with Vertical(id="preview", classes="part"):
                yield Lines(id="preview-heading")
                yield PreviewPicture()
            with VerticalScroll(id="facts", classes="part"):
                yield Static(id="facts-text", markup=False)

    @on(Mount)
    async def _show_first(self) -> None:
        """Show the capture in the first frame if it is known so soon, else what it is called."""
        self._show_view()
        self.query_one("#title", Lines).show(Content.styled(f"Capture {self.capture_id}…", "$text-muted"))
        if self._first is not None:
            await asyncio.wait({self._first}, timeout=FIRST_ANSWER_S)
            if self._first.done() and not self._first.cancelled() and self._first.exception() is None:
                self._take(self._first.result())

    async def on_unmount(self) -> None:
        """Let go of a question that nobody waits for any more."""
        if self._first is not None:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)

    async def refresh_data(self) -> None:
        """Ask for the capture and show it where anything changed."""
        first, self._first = self._first, None
        self._take(await (first or self.session.fleet.capture(self.capture_id)))

    def _take(self, detail: CaptureDetail) -> None:
        if self.detail is None and detail.statistics is None:
            self._view = [view for view, _ in VIEWS].index("facts")
            self._show_view()
        if detail != self.detail:
            self.detail = detail
            self._show(detail)

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the capture."""
        return () if self.detail is None else (self.detail.row,)

    def text_to_copy(self) -> str:
        """Return the product id and the URIs of its artifacts."""
        if self.detail is None:
            return ""
        return "\n".join([self.detail.row.product_id, *(a.uri for a in self.detail.artifacts)])

    def action_next_view(self, by: int = 1) -> None:
        """Show the next view; on a wide terminal, where all are shown, go on to the next part."""
        self._view = (self._view + by) % len(VIEWS)
        self._show_view()

    def action_zoom_histogram(self) -> None:
        """Zoom the histogram to where there are values, or back."""
        histogram = self.query_one(Histogram)
        histogram.whole = not histogram.whole

    def action_switch_preview(self) -> None:
        """Show the next kind of preview."""
        if self.detail is None or not self.detail.previews:
            return
        kinds = [preview.kind for preview in self.detail.previews]
        place = kinds.index(self._preview_kind) if self._preview_kind in kinds else -1
        self._preview_kind = kinds[(place + 1) % len(kinds)]
        self._show_preview(self.detail)

    def action_next_series(self) -> None:
        """Show the series of the next location."""
        if self.detail is not None and self.detail.series:
            self._series_place = (self._series_place + 1) % len(self.detail.series)
            self._show_series(self.detail)

    def _show(self, detail: CaptureDetail) -> None:
        with self.app.batch_update():
            self.query_one("#title", Lines).show(title(detail))
            self.query_one("#facts-text", Static).update(facts(detail))
            self._show_histogram(detail)
            self._show_series(detail)
            self._show_preview(detail)

    def _show_histogram(self, detail: CaptureDetail) -> None:
        statistics = detail.statistics
        note = "pixels by value; z zooms"
        if detail.row.outcome == "no_clear_pixels":
            note = NO_CLEAR_PIXELS
        name = statistics.index.upper() if statistics else "NDVI"
        self.query_one("#histogram-heading", Lines).show(heading(f"{name} histogram", note))
        self.query_one(Histogram).statistics = statistics
        self.query_one("#statistics", Lines).show(statistics_lines(statistics) if statistics else Content(""))

    def _show_series(self, detail: CaptureDetail) -> None:
        series = detail.series[self._series_place % len(detail.series)] if detail.series else None
        note = "" if series is None else f"{series.location}; ◆ is this capture"
        if len(detail.series) > 1:
            note += f"; {NextSeries.shown_key(self.session.keys)} shows the next location"
        name = series.index.upper() if series else "NDVI"
        self.query_one("#series-heading", Lines).show(heading(f"{name} over time", note))
        plot = self.query_one(SeriesPlot)
        plot.series, plot.highlight = series, self.capture_id
        self.query_one("#series-note", Lines).show(series_note(series, 5) if series else Content(""))

    def _show_preview(self, detail: CaptureDetail) -> None:
        note = "░ no data" + ("; v puts the other first" if len(detail.previews) > 1 else "")
        self.query_one("#preview-heading", Lines).show(heading("Preview", note if detail.previews else ""))
        picture = self.query_one(PreviewPicture)
        picture.previews, picture.kind = detail.previews, self._preview_kind

    def _show_view(self) -> None:
        current = VIEWS[self._view][0]
        names = [
            Content.styled(f" {name} ", "bold reverse" if view == current else "$text-muted")
            for view, name in VIEWS
        ]
        with self.app.batch_update():
            for view, _ in VIEWS:
                self.query_one(f"#{view}").set_class(view == current, "-current")
            self.query_one("#views", Lines).show(Content(" ").join(names))
            self.set_focus(self.query_one("#facts") if current == "facts" else None)
