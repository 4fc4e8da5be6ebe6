"""Captures: how fresh each location is, and how far each capture has come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.events import Resize
from textual.types import CSSPathType

from earthgazer_tui.commands.captures import DiscoverCaptures, OpenCapture, ProcessCaptures, ReprocessCaptures
from earthgazer_tui.commands.command import Command
from earthgazer_tui.fleet.models import CaptureRow, Freshness
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.capture_detail import CaptureDetailScreen
from earthgazer_tui.screens.filter_help import CAPTURES, FilterHelp
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.freshness import FreshnessList
from earthgazer_tui.widgets.histogram import ndvi_style
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.plot import plotext
from earthgazer_tui.widgets.stage_bar import BAR_WIDTH, LEGEND, stage_bar
from earthgazer_tui.wording import mission_name, percent, short_date

FRESHNESS_S = 5.0
"""Least seconds between two questions for freshness, which is dearer than the list and changes slowly."""

MOST = 500
"""Captures that are loaded at once."""


def _sensed(row: CaptureRow) -> datetime:
    return row.sensing_time


def _outcome(row: CaptureRow) -> Content:
    """Return what is being done now, else what became of it."""
    if row.activity:
        return Content.styled(row.activity, "$warning")
    if row.outcome == "no_clear_pixels":
        return Content.styled("no clear pixel", "$text-muted")
    if row.outcome == "failed":
        return Content.styled("failed", "bold $error")
    if row.outcome == "superseded":
        return Content.styled("newer version", "$text-muted")
    return Content.styled("simulated" if row.is_simulated else "", "$text-disabled")


def _ndvi(row: CaptureRow) -> Content:
    if row.ndvi_mean is None:
        return Content.styled("–", "$text-disabled")
    return Content.styled(f"{row.ndvi_mean:.3f}", ndvi_style(row.ndvi_mean))


COLUMNS: tuple[Column[CaptureRow], ...] = (
    Column(
        "id",
        "#",
        5,
        lambda row: str(row.capture_id),
        align="right",
        sort_key=lambda row: row.capture_id,
        priority=4,
    ),
    Column(
        "location",
        "Location",
        None,
        lambda row: ", ".join(row.locations),
        sort_key=lambda row: row.locations,
        min_width=12,
        max_width=28,
    ),
    Column("mission", "Sat", 4, lambda row: mission_name(row.mission), sort_key=lambda row: row.mission),
    Column(
        "sensed",
        "Sensed UTC",
        11,
        lambda row: short_date(row.sensing_time, datetime.now(UTC)),
        sort_key=_sensed,
        sort_descending=True,
    ),
    Column(
        "cloud",
        "Cloud",
        5,
        lambda row: percent(row.cloud_cover_percent),
        align="right",
        sort_key=lambda row: row.cloud_cover_percent,
    ),
    Column("stages", "Stages", BAR_WIDTH, lambda row: stage_bar(row.stages)),
    Column("ndvi", "NDVI", 6, _ndvi, align="right", sort_key=lambda row: row.ndvi_mean, sort_descending=True),
    Column(
        "valid",
        "Valid",
        5,
        lambda row: percent(row.valid_percent),
        align="right",
        sort_key=lambda row: row.valid_percent,
    ),
    Column(
        "outcome",
        "Now / outcome",
        None,
        _outcome,
        sort_key=lambda row: row.activity or row.outcome,
        min_width=14,
        max_width=30,
    ),
    Column("product", "Product", None, lambda row: row.product_id, min_width=30, priority=5),
)


class CapturesScreen(FleetScreen):
    """Freshness on top, the list of captures below; enter opens one."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "captures.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        OpenCapture,
        ProcessCaptures,
        ReprocessCaptures,
        DiscoverCaptures,
    )
    NEEDS: ClassVar[tuple[str, ...]] = ("database",)
    WITHOUT_DATABASE: ClassVar[str] = (
        "captures are kept in one, so this is no fleet of EarthGazer's or only its broker"
    )
    CAN_FILTER: ClassVar[bool] = True
    FILTER_HINT: ClassVar[str] = "words  location:bonn  mission:landsat  cloud:<20  since:30d"
    FILTER_HELP: ClassVar[FilterHelp] = CAPTURES

    _freshness_at = float("-inf")
    _places: Sequence[Freshness] | None = None

    def compose_body(self) -> ComposeResult:
        """Make freshness, list and legend."""
        yield FreshnessList()
        yield LineTable(
            COLUMNS,
            key=lambda row: row.capture_id,
            empty="No capture yet. D searches the catalogue for the active locations.",
            id="captures",
        )

    def on_mount(self) -> None:
        """Put the list at hand, its legend below it, and plotext into memory before it is needed."""
        table = self._captures
        table.border_subtitle = LEGEND
        table.focus()
        self._load_plotext()

    def on_resize(self, event: Resize) -> None:
        """Give freshness a sixth of the height."""
        self._show_freshness()

    async def refresh_data(self) -> None:
        """Show captures that match the filter, and freshness when it is due."""
        rows = await self.session.fleet.captures(self.filter_text, limit=MOST)
        self._captures.show_rows(rows, is_cut=len(rows) >= MOST)
        if monotonic() >= self._freshness_at + FRESHNESS_S:
            self._places = await self.session.fleet.freshness()
            self._freshness_at = monotonic()
        self._show_freshness()

    def action_refresh_now(self) -> None:
        """Ask again at once, for freshness too."""
        self._freshness_at = float("-inf")
        super().action_refresh_now()

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the chosen captures; discovery works on all locations."""
        return () if command is DiscoverCaptures else self._captures.chosen

    def action_open_row(self) -> None:
        """Open the row under the cursor."""
        self._captures.action_open()

    def text_to_copy(self) -> str:
        """Return the product id under the cursor."""
        row = self._captures.cursor_row
        return "" if row is None else row.product_id

    @on(LineTable.Opened, "#captures")
    def _open(self, event: LineTable.Opened) -> None:
        self.app.push_screen(CaptureDetailScreen(self.session, event.row.capture_id))

    def _show_freshness(self) -> None:
        if self._places is not None:
            room = max(2, self.size.height // 6)
            self.query_one(FreshnessList).show_places(self._places, room, datetime.now(UTC))

    @property
    def _captures(self) -> LineTable[CaptureRow]:
        return self.query_one("#captures", LineTable)

    @work(thread=True, group="plotext")
    def _load_plotext(self) -> None:
        plotext()
