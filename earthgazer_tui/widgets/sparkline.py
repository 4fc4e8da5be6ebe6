"""A row of small bars, as text: it costs the terminal no more than its cells."""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int, top: float | None = None) -> str:
    """Return at most ``width`` bars for the newest values, right aligned in time.

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
    step = -(-len(samples) // width)
    if step > 1:
        first = len(samples) % step
        chunks = [samples[:first]] if first else []
        chunks += [samples[start : start + step] for start in range(first, len(samples), step)]
        samples = [max(chunk) for chunk in chunks]
    full = max(samples, default=0.0) if top is None else top
    text = "".join(_bar(sample, full) for sample in samples[-width:])
    return text.rjust(width)


def _bar(value: float, full: float) -> str:
    """Return the bar of one value; anything above nothing is higher than the lowest bar."""
    if value <= 0 or full <= 0:
        return BARS[0]
    return BARS[max(1, min(len(BARS) - 1, round(value / full * (len(BARS) - 1))))]
