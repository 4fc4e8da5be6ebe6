"""Histogram of a normalised index, drawn as wide as there is room, each bar an exact sum of stored bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, isfinite

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from earthgazer_tui.fleet.models import IndexStatistics
from earthgazer_tui.widgets.plot import glyph, open_figure, to_content

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_RAMP_ROLE = 16
"""First palette number of the ramp: the ones below stand for roles."""
_RAMP = (
    (-1.0, (70, 110, 170)),
    (0.0, (150, 140, 130)),
    (0.1, (190, 150, 95)),
    (0.3, (205, 190, 80)),
    (0.5, (125, 185, 75)),
    (0.8, (40, 140, 60)),
    (1.0, (15, 105, 50)),
)
"""Colours of NDVI: water, bare soil, sparse and dense vegetation."""

_CLASSES = ((0.0, "$primary"), (0.2, "$text-muted"), (0.4, "$warning"))
"""Upper limits and styles of water, bare soil and sparse vegetation; above is dense vegetation."""
_LEAST_SPAN = 20
"""Stored bins that are shown at least, however few hold counts."""
_SHADES = 10
"""Shades of the bars in one unit of NDVI; neighbours of one shade cost the terminal no colour code."""
_TICK_STEPS = (0.05, 0.1, 0.2, 0.25, 0.5, 1.0)
"""Distances between labelled values, finest first."""
_TICK_CELLS = 8
"""Least cells from one label to the next."""


@dataclass(frozen=True, slots=True)
class Bins:
    """Bins drawn as one bar each."""

    edges: tuple[float, ...]
    """n + 1 edges, a subset of those stored."""
    counts: tuple[int, ...]
    """n exact sums."""


def span(counts: Sequence[int]) -> tuple[int, int]:
    """Return the half-open range of bins that holds every count; all of them where there is none."""
    filled = [i for i, count in enumerate(counts) if count]
    return (filled[0], filled[-1] + 1) if filled else (0, len(counts))


def coarsen(edges: Sequence[float], counts: Sequence[int], room: int, *, whole: bool = True) -> Bins:
    """Return the finest bins that fit the room, each the exact sum of equally many stored ones.

    Args:
        edges: Stored edges, one more than counts.
        counts: Stored counts.
        room: Bars that can be drawn, at least 1.
        whole: Whether to show the whole range; else only the part that holds counts, widened where
            that doesn't make whole bars, so that nothing counted is left out.

    Returns:
        At most ``room`` bins; the sum of their counts is that of the counts given.
    """
    n = len(counts)
    if n == 0:
        return Bins(edges=tuple(edges[:1]), counts=())
    first, last = (0, n) if whole else span(counts)
    first = max(0, min(first, n - _LEAST_SPAN))
    last = min(n, max(last, first + _LEAST_SPAN))
    for width in range(1, n + 1):
        bars = -(-(last - first) // width)
        start = min(first, n - bars * width)
        if bars <= max(room, 1) and start >= 0:
            break
    stop = start + bars * width
    return Bins(
        edges=tuple(edges[i] for i in range(start, stop + 1, width)),
        counts=tuple(sum(counts[i : i + width]) for i in range(start, stop, width)),
    )


def ndvi_colour(value: float) -> str:
    """Return the colour of an NDVI value as ``#rrggbb``."""
    value = min(max(value, -1.0), 1.0) if isfinite(value) else -1.0
    (low, below), (high, above) = next(stops for stops in pairwise(_RAMP) if value <= stops[1][0])
    share = (value - low) / (high - low)
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in zip(below, above, strict=True))


def ndvi_style(value: float) -> str:
    """Return the style of an NDVI value in the theme's few colours, for lists and terminals of 16."""
    return next((style for limit, style in _CLASSES if value < limit), "$success")


def short_count(value: float) -> str:
    """Return a count in at most four characters: ``950``, ``1.2k``, ``34k``, ``1.1M``."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size * 0.9995:
            scaled = value / size
            return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"
    return f"{value:.0f}"


def draw_histogram(
    statistics: IndexStatistics, width: int, height: int, *, whole: bool = True, has_few_colours: bool = False
) -> Content:
    """Return the histogram as content of at most this size.

    The top of a bar is drawn to an eighth of a row, and no bin with a count is drawn empty.

    Args:
        statistics: What to draw.
        width: Cells.
        height: Cells.
        whole: Whether to show the whole range, or only where there are counts.
        has_few_colours: Whether the terminal has but 16, so that a ramp of shades would be noise.
    """
    label_width = 4
    room = width - label_width - 1
    rows = height - 2
    if room < 8 or rows < 2:
        return Content.styled("too small to draw", "$text-muted")
    bins = coarsen(statistics.edges, statistics.counts, room, whole=whole)
    n = len(bins.counts)
    if not n:
        return Content.styled("no histogram is stored", "$text-muted")
    peak = max(bins.counts)
    columns = room // n
    figure = open_figure(label_width + 1 + n * columns, height)
    x = figure.ruler("x").lim(0, n * columns).alignment(lim="edge")
    y = figure.ruler("y").lim(0, rows).alignment(lim="edge")
    y.ticks(
        [0.01, rows / 2, rows - 0.01],
        labels=[f"{short_count(v):>{label_width}}" for v in (0, peak / 2, peak)],
    )
    ticks = _ticks(bins, columns)
    x.ticks([position for position, _ in ticks], labels=[label for _, label in ticks])
    xs: list[float] = []
    ys: list[float] = []
    markers = []
    styles = {}
    for i, count in enumerate(bins.counts):
        if not count:
            continue
        shade = floor((bins.edges[i] + bins.edges[i + 1]) / 2 * _SHADES)
        role = _RAMP_ROLE + _SHADES + shade
        value = (shade + 0.5) / _SHADES
        styles[role] = ndvi_style(value) if has_few_colours else ndvi_colour(value)
        eighths = max(1, round(count / peak * rows * 8))
        full = glyph(_EIGHTHS[8], role)
        for row in range(-(-eighths // 8)):
            left = eighths - row * 8
            marker = full if left >= 8 else glyph(_EIGHTHS[left], role)
            for column in range(columns):
                xs.append(i * columns + column + 0.5)
                ys.append(row + 0.5)
                markers.append(marker)
    if xs:
        figure.draw(figure.signal(xs, ys, marker=markers))
    return to_content(figure.build().string(), styles)


def _ticks(bins: Bins, columns: int) -> list[tuple[float, str]]:
    """Return positions and labels of the lower axis: round values, well apart."""
    low, high = bins.edges[0], bins.edges[-1]
    end = len(bins.counts) * columns
    for step in _TICK_STEPS:
        first, last = ceil(low / step - 1e-6), floor(high / step + 1e-6)
        if (last - first) * _TICK_CELLS <= end:
            break
    positions = [(k * step, (k * step - low) / (high - low) * end) for k in range(first, last + 1)]
    # A label a little inside the axis: on its very end plotext would drop it.
    return [(min(max(at, 0.01), end - 0.01), f"{round(value, 2) + 0.0:g}") for value, at in positions]


class Histogram(Widget):
    """Draws the histogram of an index."""

    DEFAULT_CSS = """
    Histogram { height: 12; }
    """

    statistics: reactive[IndexStatistics | None] = reactive(None)
    """What to draw."""
    whole: reactive[bool] = reactive(True)
    """Whether the whole range [-1, 1] is shown, or only where there are counts."""

    def render(self) -> Content:
        """Return the histogram, or why there is none."""
        if self.statistics is None:
            return Content.styled("no NDVI yet", "$text-muted")
        if not self.statistics.valid:
            return Content.styled("not one valid pixel: nothing to draw", "$warning")
        return draw_histogram(
            self.statistics,
            self.size.width,
            self.size.height,
            whole=self.whole,
            has_few_colours=self.app.console.color_system in ("standard", "windows"),
        )
