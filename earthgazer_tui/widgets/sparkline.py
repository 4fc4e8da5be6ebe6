"""A row of small bars, as text: it costs the terminal no more than its cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int, top: float | None = None) -> str:
    """Return one line of bars, the newest at its right end.

    Args:
        values: Samples, oldest first; more than ``width`` are joined by their maximum.
        width: Cells there are.
        top: Value of a full bar; None takes the greatest.

    Returns:
        ``width`` characters; blanks at the left where there are fewer samples.
    """
    if width <= 0:
        return ""
    samples = list(values)
    if len(samples) > width:
        edges = [place * len(samples) // width for place in range(width + 1)]
        samples = [max(samples[start:end]) for start, end in pairwise(edges)]
    full = max(samples, default=0.0) if top is None else top
    text = "".join(_bar(sample, full) for sample in samples)
    return text.rjust(width)


def _bar(value: float, full: float) -> str:
    """Return the bar of one value; anything above nothing is higher than the lowest bar."""
    if value <= 0 or full <= 0:
        return BARS[0]
    return BARS[max(1, min(len(BARS) - 1, round(value / full * (len(BARS) - 1))))]
