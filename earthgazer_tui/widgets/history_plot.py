"""What became of the executions of a span of time, slot by slot, as plotext draws it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from earthgazer_tui.fleet.models import History, HistoryGroup, Percentiles
from earthgazer_tui.widgets.plot import ROLE_STYLES, Role, glyph, open_figure, to_content
from earthgazer_tui.wording import span

_LABEL_WIDTH = 6
_CELLS_A_TICK = 16
_SHARES = (("p50", "braille", Role.LINE), ("p95", "+", Role.TREND), ("p99", "×", Role.GAP))


class Measure(StrEnum):
    """What is drawn."""

    THROUGHPUT = "throughput"
    FAILURES = "failure rate"
    RUN_TIME = "run time"
    WAIT_TIME = "wait time"


def draw_history(history: History, group: HistoryGroup, measure: Measure, width: int, height: int) -> Content:
    """Return one measure of one group as content of at most this size.

    Args:
        history: The span.
        group: Whose.
        measure: What.
        width: Cells.
        height: Cells, a heading included.
    """
    heading = Content.assemble((group.name, "bold $primary"), "  ", *_legend(history, group, measure))
    heading = heading.truncate(max(1, width), ellipsis=True)
    if width < 24 or height < 6 or len(group.throughput) < 2:
        return heading
    if not group.count:
        return Content("\n").join([heading, Content.styled("nothing ended in this span", "$text-muted")])
    lines = list(_lines(group, measure))
    known = [value for _, _, values in lines for value in values if value is not None]
    if not known:
        return Content("\n").join([heading, Content.styled("nothing of it is known", "$text-muted")])
    times = [history.since.timestamp() + k * history.slot_s for k in range(len(group.throughput))]
    top = _top(max(known), measure)
    figure = open_figure(width, height - 1)
    figure.ruler("x").lim(times[0], times[-1]).ticks(*_time_ticks(times, width - _LABEL_WIDTH))
    ticks = [0, top / 2, top]
    figure.ruler("y").lim(0, top).ticks(ticks, labels=[_label(tick, measure) for tick in ticks])
    # The first is the most important: it is drawn last, over the others.
    for sign, role, values in reversed(lines):
        for stretch in _stretches(times, values):
            xs, ys = [x for x, _ in stretch], [y for _, y in stretch]
            # One dot of braille alone would hardly be seen.
            is_line = sign == "braille" and len(xs) > 1
            marker = glyph(sign if is_line or sign != "braille" else "•", role)
            figure.draw(figure.signal(xs, ys, marker=marker).lines(is_line))
    return Content("\n").join([heading, to_content(figure.build().string(), ROLE_STYLES)])


def _legend(history: History, group: HistoryGroup, measure: Measure) -> Iterator[tuple[str, str]]:
    each = f"in {span(history.slot_s)} each"
    if measure is Measure.THROUGHPUT:
        yield f"ended {each}, at most {max(group.throughput, default=0)}", "$text-muted"
        if group.failed:
            yield f"  × failed: {group.failed}", "$error"
    elif measure is Measure.FAILURES:
        yield f"failed {each}: {group.failed} of {group.count}", "$text-muted"
    else:
        yield f"{measure.value} {each}  ", "$text-muted"
        yield "─ p50  ", "$primary"
        yield "+ p95  ", "$warning"
        yield "× p99", "$error"


def _lines(group: HistoryGroup, measure: Measure) -> Iterator[tuple[str, Role, Sequence[float | None]]]:
    """Yield sign, role and values of each line."""
    if measure is Measure.THROUGHPUT:
        if group.failed:
            # On top of the line, since few of many would be lost in it.
            yield "×", Role.GAP, [float(n) if n else None for n in group.failures]
        yield "braille", Role.LINE, [float(n) for n in group.throughput]
    elif measure is Measure.FAILURES:
        pairs = zip(group.failures, group.throughput, strict=True)
        yield "braille", Role.GAP, [100 * failed / n if n else None for failed, n in pairs]
    else:
        took = group.run_times if measure is Measure.RUN_TIME else group.wait_times
        for name, sign, role in _SHARES:
            yield sign, role, [_share(one, name) for one in took]


def _share(took: Percentiles, name: str) -> float | None:
    found: float | None = getattr(took, name)
    return found


def _stretches(times: Sequence[float], values: Sequence[float | None]) -> Iterator[list[tuple[float, float]]]:
    """Yield what is known without a gap: no line is drawn over what nobody measured."""
    stretch: list[tuple[float, float]] = []
    for at, value in zip(times, values, strict=False):
        if value is not None:
            stretch.append((at, value))
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def _top(most: float, measure: Measure) -> float:
    """Return the end of the axis: a round number whose half is round too."""
    if measure is Measure.FAILURES:
        return 100.0 if most > 50 else 50.0 if most > 10 else 10.0
    if measure is Measure.THROUGHPUT:
        most = max(most, 2.0)
    size = 10.0 ** math.floor(math.log10(most)) if most > 0 else 1.0
    return next(top for step in (1, 2, 4, 6, 8, 10, 20) if (top := step * size) >= most)


def _label(tick: float, measure: Measure) -> str:
    if measure is Measure.THROUGHPUT:
        shown = f"{tick:g}"
    elif measure is Measure.FAILURES:
        shown = f"{tick:g}%"
    else:
        shown = f"{tick:.2g}s" if 0 < tick < 1 else span(tick)
    return f"{shown:>{_LABEL_WIDTH}}"


def _time_ticks(times: list[float], room: int) -> tuple[list[float], list[str]]:
    """Return positions and labels of the time axis."""
    elapsed = times[-1] - times[0]
    form = "%H:%M" if elapsed <= 2 * 86_400 else "%m-%d"
    n = max(2, min(7, room // _CELLS_A_TICK))
    positions = [times[0] + i * elapsed / (n - 1) for i in range(n)]
    return positions, [datetime.fromtimestamp(t, UTC).strftime(form) for t in positions]


class HistoryPlot(Widget):
    """Draws one measure of one group; nothing is repainted while it stays the same."""

    DEFAULT_CSS = """
    HistoryPlot { height: 10; }
    """

    shown: reactive[tuple[History, HistoryGroup] | None] = reactive(None)
    """The span and whose history."""
    is_counting: reactive[bool] = reactive(True)
    """Whether it is still asked for."""
    measure: reactive[Measure] = reactive(Measure.THROUGHPUT)
    """What is drawn."""

    def render(self) -> Content:
        """Return the plot."""
        if self.shown is None:
            return Content.styled("counting…" if self.is_counting else "", "$text-muted")
        return draw_history(*self.shown, self.measure, self.size.width, self.size.height)
