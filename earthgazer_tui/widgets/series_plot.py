"""Time series of an index: values as points, gaps as gaps, the trend as a dotted line."""

from __future__ import annotations

from datetime import UTC, datetime

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from earthgazer_tui.fleet.models import SeriesPoint, TimeSeries
from earthgazer_tui.widgets.plot import ROLE_STYLES, Role, glyph, open_figure, to_content

_YEAR_S = 365.25 * 86400
_LABEL_WIDTH = 5


def trend_line(series: TimeSeries) -> tuple[float, float] | None:
    """Return the trend's values at the first and the last date that has one; None without a trend.

    The slope is the fleet's; least squares puts the line through the centre of the values.
    """
    points = [(p.sensing_time.timestamp(), p.mean) for p in series.points if p.mean is not None]
    if series.slope_per_year is None or len(points) < 2:
        return None
    centre_s = sum(t for t, _ in points) / len(points)
    centre = sum(value for _, value in points) / len(points)
    slope = series.slope_per_year / _YEAR_S
    return centre + slope * (points[0][0] - centre_s), centre + slope * (points[-1][0] - centre_s)


def describe_trend(series: TimeSeries) -> str:
    """Return the trend in words: ``+0.12 a year (p = 0.03, 9 dates)``."""
    if series.slope_per_year is None:
        return f"no trend from {series.n} date{'' if series.n == 1 else 's'}"
    p_value = "" if series.p_value is None else f"p = {series.p_value:.2g}, "
    return f"{series.slope_per_year:+.3f} a year ({p_value}{series.n} dates)"


def gap_lines(series: TimeSeries) -> list[str]:
    """Return one line for each gap: its date and why there is no value."""
    return [
        f"{point.sensing_time:%Y-%m-%d}  {point.gap or 'no value'}"
        for point in series.points
        if point.mean is None
    ]


def draw_series(series: TimeSeries, width: int, height: int, *, highlight: int | None = None) -> Content:
    """Return the series as content of at most this size.

    Args:
        series: What to draw.
        width: Cells.
        height: Cells.
        highlight: Capture whose point is drawn as a diamond.
    """
    if width < 24 or height < 5:
        return Content.styled("too small to draw", "$text-muted")
    times = [point.sensing_time.timestamp() for point in series.points]
    values = [point.mean for point in series.points if point.mean is not None]
    if not values:
        return Content.styled("no date has a value", "$text-muted")
    first, last = times[0], times[-1]
    pad_s = max((last - first) * 0.02, 86400.0)
    low, high = _limits(values, trend_line(series))
    figure = open_figure(width, height)
    figure.ruler("x").lim(first - pad_s, last + pad_s).ticks(*_date_ticks(first, last, width - _LABEL_WIDTH))
    ticks = [low, (low + high) / 2, high]
    figure.ruler("y").lim(low, high).ticks(ticks, labels=[f"{v:{_LABEL_WIDTH}.2f}" for v in ticks])
    trend = trend_line(series)
    if trend is not None:
        dated = [p.sensing_time.timestamp() for p in series.points if p.mean is not None]
        marker = glyph("·", Role.TREND)
        figure.draw(figure.signal([dated[0], dated[-1]], list(trend), marker=marker).lines(True))
    for run in _runs(series.points):
        xs = [point.sensing_time.timestamp() for point in run]
        ys = [point.mean for point in run]
        if len(run) > 1:
            figure.draw(figure.signal(xs, ys, marker=glyph("braille", Role.LINE)).lines(True))
        markers = [
            glyph("◆" if highlight is not None and p.capture_id == highlight else "●", Role.POINT)
            for p in run
        ]
        figure.draw(figure.signal(xs, ys, marker=markers))
    gaps = [point.sensing_time.timestamp() for point in series.points if point.mean is None]
    if gaps:
        figure.draw(figure.signal(gaps, [low] * len(gaps), marker=glyph("×", Role.GAP)))
    return to_content(figure.build().string(), ROLE_STYLES)


def _runs(points: tuple[SeriesPoint, ...]) -> list[list[SeriesPoint]]:
    """Return the stretches without a gap: only inside of these are points joined."""
    runs: list[list[SeriesPoint]] = [[]]
    for point in points:
        if point.mean is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _limits(values: list[float], trend: tuple[float, float] | None) -> tuple[float, float]:
    """Return limits of the value axis in tenths, at least 0.2 apart, around all that is drawn."""
    drawn = [*values, *(trend or ())]
    low = int(min(drawn) * 10 // 1) / 10
    high = -int(-max(drawn) * 10 // 1) / 10
    if high - low < 0.2:
        low, high = low - 0.1, high + 0.1
    return low, high


def _date_ticks(first: float, last: float, room: int) -> tuple[list[float], list[str]]:
    """Return positions and labels of the time axis."""
    form = "%Y-%m-%d" if last - first < 3 * _YEAR_S else "%Y-%m"
    n = max(2, min(6, room // 16)) if last > first else 1
    step = (last - first) / (n - 1) if n > 1 else 0.0
    positions = [first + i * step for i in range(n)]
    return positions, [datetime.fromtimestamp(t, UTC).strftime(form) for t in positions]


class SeriesPlot(Widget):
    """Draws the time series of an index of one location."""

    DEFAULT_CSS = """
    SeriesPlot { height: 10; }
    """

    series: reactive[TimeSeries | None] = reactive(None)
    """What to draw."""
    highlight: reactive[int | None] = reactive(None)
    """Capture whose point is drawn as a diamond."""

    def render(self) -> Content:
        """Return the plot, or why there is none."""
        if self.series is None:
            return Content.styled("no time series yet: it takes two processed captures", "$text-muted")
        if not self.series.points:
            return Content.styled("no date in this series", "$text-muted")
        return draw_series(self.series, self.size.width, self.size.height, highlight=self.highlight)
