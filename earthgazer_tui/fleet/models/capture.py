"""Captures as the console shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Freshness:
    """Whether a watched place has what it should have by now."""

    location_id: int
    """The location."""
    name: str
    """Its name."""
    last_sensing_time: datetime | None
    """Newest acquisition known."""
    last_success_at: datetime | None
    """When its newest NDVI was made."""
    next_expected: datetime | None
    """When the next pass is due, by the missions' revisit."""
    status: str
    """``ok``, ``waiting``, ``overdue``, ``failed``, ``too cloudy``, ``not discovered``, ``not published``."""
    reason: str
    """One line: why it is so."""
    is_overdue: bool
    """Whether this deserves an alert."""


@dataclass(frozen=True, slots=True)
class StageState:
    """One step of a capture through the pipeline."""

    stage: str
    """``discovered``, ``backed_up``, ``downloaded``, ``stacked``, ``ndvi`` or ``rgb``."""
    state: str
    """``done``, ``running``, ``waiting``, ``failed``, ``skipped`` or ``none``."""
    percent: float | None = None
    """Progress while running."""


@dataclass(frozen=True, slots=True)
class CaptureRow:
    """One line of the list of captures."""

    capture_id: int
    """Its id."""
    locations: tuple[str, ...]
    """Names of the locations that it shows."""
    mission: str
    """``SENTINEL-2A``."""
    product_id: str
    """Provider's identity."""
    sensing_time: datetime
    """Aware UTC."""
    cloud_cover_percent: float | None
    """Share of clouds by the catalogue."""
    stages: tuple[StageState, ...]
    """All stages in the pipeline's order."""
    activity: str
    """What is being done now, ``stacking 40 %``; empty where nothing is."""
    ndvi_mean: float | None
    """Mean NDVI of its newest artifact."""
    valid_percent: float | None
    """Share of valid pixels of that artifact."""
    outcome: str
    """``ok``, ``no_clear_pixels``, ``failed``, ``superseded`` (a newer version serves) or empty."""
    is_simulated: bool
    """Whether pixels or georeference were made up for demonstration."""


@dataclass(frozen=True, slots=True)
class AssetSummary:
    """One file of a capture."""

    band: str
    """``B04``."""
    href: str
    """Where it comes from, credentials removed."""
    size_bytes: int | None
    """Bytes held."""
    is_backed_up: bool
    """Whether a verified copy is kept."""


@dataclass(frozen=True, slots=True)
class IndexStatistics:
    """Statistics of an index and its 200-bin histogram."""

    index: str
    """``ndvi``."""
    valid: int
    """Valid pixels."""
    total: int
    """All pixels."""
    mean: float | None
    """None where no pixel is valid; so the following five."""
    std: float | None
    """Of the population."""
    min: float | None
    """Smallest value."""
    max: float | None
    """Largest value."""
    p02: float | None
    """2nd percentile."""
    p50: float | None
    """Median."""
    p98: float | None
    """98th percentile."""
    below: int
    """Valid pixels below the first edge."""
    above: int
    """Valid pixels above the last edge."""
    edges: tuple[float, ...]
    """n + 1 edges."""
    counts: tuple[int, ...]
    """n counts."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A small picture of an artifact."""

    kind: str
    """``ndvi`` or ``rgb``."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    rgba: bytes
    """width * height * 4 bytes, row by row from the top; alpha 0 is no data."""


@dataclass(frozen=True, slots=True)
class ArtifactSummary:
    """One file that was made of a capture."""

    artifact_id: int
    """Its id."""
    kind: str
    """``ndvi``, ``rgb``, ``stacked``, ``evi``."""
    outcome: str
    """``ok`` or ``no_clear_pixels``."""
    uri: str
    """Where it is, credentials removed."""
    size_bytes: int
    """Bytes."""
    shape: tuple[int, int]
    """(height, width)."""
    crs: str | None
    """``EPSG:32629``."""
    created_at: datetime
    """Aware UTC."""


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """One date of a time series."""

    sensing_time: datetime
    """Aware UTC."""
    mean: float | None
    """Mean of the index; None in a gap."""
    valid_percent: float | None
    """Share of valid pixels."""
    gap: str | None
    """Why there is no value; None where there is one."""
    capture_id: int | None
    """The capture; None where none exists (a missed pass)."""


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """An index of one location over time."""

    location: str
    """Its name."""
    index: str
    """``ndvi``."""
    points: tuple[SeriesPoint, ...]
    """In time order, gaps included."""
    slope_per_year: float | None
    """Trend; None with too few dates."""
    p_value: float | None
    """Of the slope."""
    n: int
    """Dates used."""


@dataclass(frozen=True, slots=True)
class CaptureDetail:
    """Everything about one capture."""

    row: CaptureRow
    """Its line in the list."""
    metadata: tuple[tuple[str, str], ...]
    """(name, value), in the order to show."""
    assets: tuple[AssetSummary, ...]
    """Its files."""
    artifacts: tuple[ArtifactSummary, ...]
    """Newest of each kind first."""
    statistics: IndexStatistics | None
    """Of the newest NDVI; None where there is none."""
    previews: tuple[Preview, ...]
    """At most one of each kind."""
    series: tuple[TimeSeries, ...]
    """One for each of its locations that has been analysed."""
    failures: tuple[str, ...]
    """One line for each unresolved failure of a task of this capture."""
