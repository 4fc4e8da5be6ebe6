"""How queues look in tables."""

from __future__ import annotations

from textual.content import Content

from earthgazer_tui.fleet.models import QueueDepth
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.sparkline import sparkline
from earthgazer_tui.wording import span

TREND_CELLS = 20
AGE_ALARM = 0.8
"""Share of the visibility timeout from which the age of a held message is alarming."""


def depth_cell(queue: QueueDepth) -> Content:
    """Return how many messages wait, loud only where nobody takes them."""
    if not queue.depth:
        return Content.styled("0", "$text-muted")
    is_stuck = queue.consumers == 0 and queue.pause is None
    return Content.styled(str(queue.depth), "bold $error" if is_stuck else "bold")


def consumers_cell(queue: QueueDepth) -> Content:
    """Return how many workers consume; none, and a pause, are said as a word."""
    if queue.pause is not None:
        return Content.styled("resuming" if queue.pause.is_ending else "paused", "bold $warning")
    if queue.consumers is None:
        return Content.styled("?", "$text-muted")
    if queue.consumers == 0:
        return Content.styled(
            "none!" if queue.depth else "none", "bold $error" if queue.depth else "$warning"
        )
    return Content(str(queue.consumers))


def held_cell(queue: QueueDepth) -> str:
    """Return how many messages workers hold; a dash where the broker doesn't tell."""
    return "–" if queue.unacked is None else str(queue.unacked)


def is_too_old(seconds: float, timeout_s: float) -> bool:
    """Return whether a held message is close to being given to another worker."""
    return seconds > AGE_ALARM * timeout_s


def rate(value: float | None) -> str:
    """Return a rate per second; a dash where it isn't known."""
    if value is None:
        return "–"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def oldest_cell(queue: QueueDepth) -> Content:
    """Return the age of the oldest held message against the age at which it is given to another worker."""
    if queue.oldest_unacked_s is None:
        return Content.styled("–", "$text-muted")
    text = f"{coarse(queue.oldest_unacked_s)}/{coarse(queue.visibility_timeout_s)}"
    is_alarming = is_too_old(queue.oldest_unacked_s, queue.visibility_timeout_s)
    return Content.styled(f"{text}!" if is_alarming else text, "bold $error" if is_alarming else "")


def coarse(seconds: float) -> str:
    """Return a span that seldom changes: whole tens of seconds, then minutes, then hours."""
    if seconds < 60:
        return f"{int(seconds) // 10 * 10}s" if seconds >= 10 else "<10s"
    if seconds < 3600:
        return f"{int(seconds) // 60}m"
    hours, minutes = int(seconds) // 3600, int(seconds) % 3600 // 60
    return f"{hours}h{minutes:02d}m" if minutes else f"{hours}h"


def drain_cell(queue: QueueDepth) -> Content:
    """Return how long the queue takes to empty at the rates of now, or why it won't."""
    if not queue.depth:
        return Content.styled("empty", "$text-muted")
    if queue.pause is not None and not queue.pause.is_ending:
        return Content.styled("paused", "bold $warning")
    if queue.consumers == 0:
        return Content.styled("stuck", "bold $error")
    if queue.in_rate is not None and queue.out_rate is not None:
        gain = queue.out_rate - queue.in_rate
    elif queue.change_rate is not None:
        gain = -queue.change_rate
    else:
        return Content.styled("–", "$text-muted")
    if gain > 0:
        return Content(span(queue.depth / gain))
    return Content.styled("grows" if gain < 0 else "holds", "$warning")


def priorities_cell(queue: QueueDepth) -> Content:
    """Return the messages of each priority in use, the most urgent first."""
    if not queue.depth:
        return Content.styled("–", "$text-muted")
    return Content(" ").join(
        Content.assemble((f"p{step}:", "$text-muted"), str(n)) for step, n in queue.by_priority if n
    )


def trend_cell(queue: QueueDepth) -> Content:
    """Return the depth over the last minutes."""
    if not any(queue.history):
        return Content("")
    return Content.styled(sparkline(queue.history, TREND_CELLS), "$primary")


QUEUE_COLUMNS: tuple[Column[QueueDepth], ...] = (
    Column("name", "Queue", None, lambda queue: queue.name, min_width=12, max_width=28),
    Column("depth", "Waiting", 7, depth_cell, align="right"),
    Column("unacked", "Held", 6, held_cell, align="right"),
    Column("consumers", "Consumers", 9, consumers_cell, align="right"),
    Column("in", "In/s", 6, lambda queue: rate(queue.in_rate), align="right", priority=1),
    Column("out", "Out/s", 6, lambda queue: rate(queue.out_rate), align="right", priority=1),
    Column("drain", "Drains in", 9, drain_cell, align="right", priority=2),
    Column("trend", "Last minutes", TREND_CELLS, trend_cell, priority=3),
)
"""What the overview shows of a queue."""
