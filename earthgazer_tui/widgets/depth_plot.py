"""The depth of a queue over the last hour."""

from __future__ import annotations

from datetime import UTC, datetime

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from earthgazer_tui.fleet.models import QueueHour
from earthgazer_tui.widgets.plot import ROLE_STYLES, Role, glyph, open_figure, to_content

_LABEL_WIDTH = 6
_CELLS_A_TICK = 16


def draw_depth(hour: QueueHour, width: int, height: int) -> Content:
    """Return the depth over time as content of at most this size; nothing where there is no room or past."""
    if width < 24 or height < 5 or len(hour.samples) < 2:
        return Content("")
    times = [at.timestamp() for at, _ in hour.samples]
    depths = [depth for _, depth in hour.samples]
    # An axis up to an even number has a whole one in its middle.
    top = max(2, max(depths) + max(depths) % 2)
    n = max(2, min(7, (width - _LABEL_WIDTH) // _CELLS_A_TICK))
    places = [times[0] + i * (times[-1] - times[0]) / (n - 1) for i in range(n)]
    form = "%H:%M" if times[-1] - times[0] > 600 else "%H:%M:%S"
    figure = open_figure(width, height)
    figure.ruler("x").lim(times[0], times[-1]).ticks(
        places, [datetime.fromtimestamp(at, UTC).strftime(form) for at in places]
    )
    ticks = [0, top // 2, top]
    figure.ruler("y").lim(0, top).ticks(ticks, labels=[f"{tick:{_LABEL_WIDTH}d}" for tick in ticks])
    figure.draw(figure.signal(times, depths, marker=glyph("braille", Role.LINE)).lines(True))
    return to_content(figure.build().string(), ROLE_STYLES)


class DepthPlot(Widget):
    """Draws the last hour of one queue; nothing is repainted while it stays the same."""

    DEFAULT_CSS = """
    DepthPlot { height: 10; }
    """

    hour: reactive[QueueHour | None] = reactive(None)
    """What is shown."""

    def render(self) -> Content:
        """Return the plot."""
        return Content("") if self.hour is None else draw_depth(self.hour, self.size.width, self.size.height)
