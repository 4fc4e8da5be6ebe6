"""An index over time: which dates count, which are gaps, and what the trend is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from earthgazer_core.raster.significance import kendall_p_value, student_t_p_value

Values = npt.NDArray[np.float64]
"""Double precision."""

MIN_VALID_PERCENT = 10.0
"""Dates with less of the area clear say nothing about it: they are gaps."""
MIN_DATES = 3
"""Fewer dates have a line through them, but no trend."""
YEAR = timedelta(days=365.25)
"""Julian year, the unit of slopes."""


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One acquisition of a series."""

    sensing_time: datetime
    """When it was sensed."""
    mean: float | None
    """Mean over its valid pixels; None where there are none."""
    valid_percent: float
    """Share of valid pixels, 0 to 100."""
    std: float | None = None
    """Standard deviation over its valid pixels."""
    capture_id: int | None = None
    """Which capture it is."""
    processing_baseline: str | None = None
    """Of two versions of a day the higher baseline counts."""
    gap: str | None = None
    """Why it doesn't count; None where it does."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through a series, and how far to trust it."""

    slope_per_year: float
    """Ordinary least squares, index per year of 365.25 days."""
    intercept: float
    """The line at the first time of the series."""
    r2: float | None
    """Share of the variance that the line explains; None where nothing varies."""
    p_value: float | None
    """Two-sided, that the slope is 0 (Student t); None where nothing varies."""
    n: int
    """Dates that count."""
    theil_sen_per_year: float
    """Median slope of all pairs, which outliers don't move."""
    kendall_tau: float | None
    """Kendall's tau-b; None where nothing varies."""
    kendall_p: float | None
    """Two-sided, that there is no monotonic trend."""

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Series:
    """The points of a series in order of time, gaps told as such, and their trend."""

    points: tuple[TrendPoint, ...]
    """Every acquisition given."""
    trend: Trend | None
    """None where fewer than :data:`MIN_DATES` count."""

    @property
    def used(self) -> tuple[TrendPoint, ...]:
        """The points that count."""
        return tuple(point for point in self.points if point.gap is None)


def series(points: Sequence[TrendPoint]) -> Series:
    """Return points in order of time, those that don't count told as gaps, with the trend of the rest.

    A point with less than :data:`MIN_VALID_PERCENT` clear is a gap. Of several on one day (UTC) one counts:
    of the highest processing baseline, then with the most valid pixels, then the latest; they are never
    averaged.
    """
    ordered = [
        replace(point, gap=_too_little(point))
        for point in sorted(points, key=lambda point: point.sensing_time)
    ]
    best: dict[date, TrendPoint] = {}
    for point in ordered:
        day = point.sensing_time.date()
        if point.gap is None and (day not in best or _rank(point) >= _rank(best[day])):
            best[day] = point
    told = tuple(
        replace(point, gap="another acquisition of this day counts")
        if point.gap is None and best[point.sensing_time.date()] is not point
        else point
        for point in ordered
    )
    return Series(told, trend(told))


def trend(points: Sequence[TrendPoint]) -> Trend | None:
    """Return the trend of the points that are no gaps; None where there are fewer than three.

    Years count from the first time given, gaps included.
    """
    used = [
        (point.sensing_time, point.mean) for point in points if point.gap is None and point.mean is not None
    ]
    if len(used) < MIN_DATES:
        return None
    start = min(point.sensing_time for point in points)
    years = np.array([(time - start) / YEAR for time, _ in used])
    values = np.array([mean for _, mean in used], dtype=np.float64)
    if np.ptp(years) == 0:
        return None
    return _trend(years, values)


def pixel_slopes(years: Values, values: Values, *, min_dates: int = MIN_DATES) -> Values:
    """Return the slope per year of each pixel by ordinary least squares over its valid dates.

    Args:
        years: Time of each date, years, shape (date,).
        values: Index, shape (date, height, width), on one grid; NaN is not valid.
        min_dates: Pixels with fewer valid dates have no slope.

    Returns:
        Slope per year, shape (height, width); NaN where there are too few dates.
    """
    valid = np.isfinite(values)
    count = valid.sum(axis=0)
    time = np.where(valid, years[:, None, None], 0.0)
    value = np.where(valid, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_time, mean_value = time.sum(axis=0) / count, value.sum(axis=0) / count
        step = np.where(valid, time - mean_time, 0.0)
        slope: Values = (step * np.where(valid, value - mean_value, 0.0)).sum(axis=0) / (step**2).sum(axis=0)
    slope[count < min_dates] = np.nan
    return slope


def _too_little(point: TrendPoint) -> str | None:
    if point.gap is not None:
        return point.gap
    if point.mean is None or point.valid_percent <= 0:
        return "no clear pixel"
    if point.valid_percent < MIN_VALID_PERCENT:
        return f"only {point.valid_percent:.1f} % clear"
    return None


def _rank(point: TrendPoint) -> tuple[str, float]:
    return (point.processing_baseline or "", point.valid_percent)


def _trend(years: Values, values: Values) -> Trend:
    n = len(years)
    mean_year, mean_value = float(years.mean()), float(values.mean())
    step, deviation = years - mean_year, values - mean_value
    sxx, sxy, syy = float(step @ step), float(step @ deviation), float(deviation @ deviation)
    slope = sxy / sxx
    r2 = p_value = None
    if syy > 0:
        r2 = min(1.0, sxy * sxy / (sxx * syy))
        t = math.inf if r2 == 1 else math.sqrt(r2 * (n - 2) / (1 - r2))
        p_value = student_t_p_value(t, n - 2)
    first, second = np.triu_indices(n, 1)
    apart = years[first] != years[second]
    first, second = first[apart], second[apart]
    slopes = (values[second] - values[first]) / (years[second] - years[first])
    tau, tau_p = _kendall(years, values)
    return Trend(
        slope_per_year=slope, intercept=mean_value - slope * mean_year, r2=r2, p_value=p_value, n=n,
        theil_sen_per_year=float(np.median(slopes)), kendall_tau=tau, kendall_p=tau_p,
    )  # fmt: skip


def _kendall(years: Values, values: Values) -> tuple[float | None, float | None]:
    """Return Kendall's tau-b and its two-sided p value."""
    n = len(years)
    signs = np.sign(years[:, None] - years) * np.sign(values[:, None] - values)
    upper = signs[np.triu_indices(n, 1)]
    score, discordant = int(upper.sum()), int((upper < 0).sum())
    ties_years, ties_values = _ties(years), _ties(values)
    all_pairs = n * (n - 1) / 2
    free_years = all_pairs - sum(t * (t - 1) / 2 for t in ties_years)
    free_values = all_pairs - sum(t * (t - 1) / 2 for t in ties_values)
    if free_years == 0 or free_values == 0:
        return None, None
    tau = score / math.sqrt(free_years * free_values)
    return tau, kendall_p_value(n, discordant, ties_years, ties_values, score)


def _ties(values: Values) -> list[int]:
    return [count for count in Counter(values.tolist()).values() if count > 1]
