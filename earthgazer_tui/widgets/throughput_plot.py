"""Throughput over a span of time: what ended, and what of it failed."""

from __future__ import annotations

from datetime import UTC, datetime

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from earthgazer_tui.fleet.models import History, HistoryGroup
from earthgazer_tui.widgets.plot import ROLE_STYLES, Role, glyph, open_figure, to_content
from earthgazer_tui.wording import span

_LABEL_WIDTH = 6
_CELLS_A_TICK = 16


def draw_throughput(history: History, group: HistoryGroup, width: int, height: int) -> Content:
    """Return the throughput of one group as content of at most this size.

    Args:
        history: The span.
        group: Whose throughput.
        width: Cells.
        height: Cells, a heading included.
    """
    most = max(group.throughput, default=0)
    heading = Content.assemble(
        (group.name, "bold $primary"),
        (
            f"  ended in {span(history.slot_s)} each, at most {max(group.throughput, default=0)}",
            "$text-muted",
        ),
        (f"  × failed: {group.failed}" if group.failed else "", "$error"),
    ).truncate(max(1, width), ellipsis=True)
    if width < 24 or height < 6 or len(group.throughput) < 2:
        return heading
    if not group.count:
        return Content("\n").join([heading, Content.styled("nothing ended in this span", "$text-muted")])
    times = [history.since.timestamp() + k * history.slot_s for k in range(len(group.throughput))]
    top = _round_up(most)
    figure = open_figure(width, height - 1)
    figure.ruler("x").lim(times[0], times[-1]).ticks(*_time_ticks(times, width - _LABEL_WIDTH))
    ticks = [0, top / 2, top]
    figure.ruler("y").lim(0, top).ticks(ticks, labels=[f"{tick:{_LABEL_WIDTH}g}" for tick in ticks])
    marker = glyph("braille", Role.LINE)
    figure.draw(figure.signal(times, list(group.throughput), marker=marker).lines(True))
    failed = [(t, n) for t, n in zip(times, group.failures, strict=True) if n]
    if failed:
        xs, ys = [t for t, _ in failed], [n for _, n in failed]
        figure.draw(figure.signal(xs, ys, marker=glyph("×", Role.GAP)))
    return Content("\n").join([heading, to_content(figure.build().string(), ROLE_STYLES)])


def _round_up(most: int) -> int:
    """Return the next number of 2, 4, 6, 8 or 10 times a power of ten, so that half of it is whole."""
    size: int = 10 ** (len(str(most)) - 1)
    return next(top for step in (2, 4, 6, 8, 10) if (top := step * size) >= most)


def _time_ticks(times: list[float], room: int) -> tuple[list[float], list[str]]:
    """Return positions and labels of the time axis."""
    elapsed = times[-1] - times[0]
    form = "%H:%M" if elapsed <= 2 * 86_400 else "%m-%d"
    n = max(2, min(7, room // _CELLS_A_TICK))
    positions = [times[0] + i * elapsed / (n - 1) for i in range(n)]
    return positions, [datetime.fromtimestamp(t, UTC).strftime(form) for t in positions]


class ThroughputPlot(Widget):
    """Draws the throughput of one group; nothing is repainted while it stays the same."""

    DEFAULT_CSS = """
    ThroughputPlot { height: 10; }
    """

    shown: reactive[tuple[History, HistoryGroup] | None] = reactive(None)
    """The span and whose throughput."""

    def render(self) -> Content:
        """Return the plot."""
        if self.shown is None:
            return Content("")
        return draw_throughput(*self.shown, self.size.width, self.size.height)
