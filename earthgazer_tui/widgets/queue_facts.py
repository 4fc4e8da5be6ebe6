"""A queue in words: what waits at which priority, what workers hold, who takes it, its last hour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from math import isfinite
from types import MappingProxyType

from textual.content import Content

from earthgazer_tui.fleet.models import QueueDepth, QueueHour
from earthgazer_tui.key_hints import with_keys
from earthgazer_tui.widgets import queue_cells as cells
from earthgazer_tui.widgets.sparkline import sparkline
from earthgazer_tui.wording import clock, counted

BAR_CELLS = 24
_HOUR_S = 3600.0
_FULL_HOUR_S = 3560.0
"""An hour but for the samples at its ends."""
_MOST_NAMED = 3


def queue_facts(
    queue: QueueDepth,
    hour: QueueHour | None,
    now: datetime,
    width: int,
    *,
    with_trend: bool,
    keys: Mapping[str, str] = MappingProxyType({}),
) -> Content:
    """Return what there is to know of one queue, for ``width`` cells.

    Args:
        queue: The queue.
        hour: Its last hour; None before it was asked for.
        now: When it was seen so.
        width: Cells there are.
        with_trend: Whether the last hour is drawn here, as a row of bars.
        keys: Keys that the operator chose, by the ids of commands.
    """
    lines = [
        Content.styled(queue.name, "bold $primary"),
        *_priorities(queue),
        *_held(queue),
        *_takers(queue, now, keys),
    ]
    if with_trend and hour is not None and len(hour.samples) > 1:
        depths = [depth for _, depth in hour.samples]
        lines.append(Content.assemble("  ", (sparkline(depths, max(1, width - 2)), "$primary")))
    if hour is not None:
        lines.append(Content.styled(f"  {hour_note(hour, now)}", "$text-muted"))
    return Content("\n").join(lines)


def hour_note(hour: QueueHour, now: datetime) -> str:
    """Return what the drawing of a queue's last hour shows, and since when it was watched."""
    if not hour.samples:
        return "depth: not watched yet"
    first = hour.samples[0][0]
    watched_s = max(0.0, (now - first).total_seconds())
    most = max(depth for _, depth in hour.samples)
    if watched_s >= _FULL_HOUR_S:
        return f"at most {most} over the last hour"
    since = f"{clock(first, now)} UTC ({cells.coarse(watched_s)} ago)"
    return f"at most {most} since {since}, when this console began to watch"


def pause_text(queue: QueueDepth, now: datetime, keys: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return who paused a queue and since when; empty where it isn't paused.

    Args:
        queue: The queue.
        now: Aware UTC.
        keys: Keys that the operator chose, by the ids of commands.
    """
    pause = queue.pause
    if pause is None:
        return ""
    since = f"{clock(pause.at, now)} UTC"
    resume, pause_key = with_keys("{queue.resume|R}", keys), with_keys("{queue.pause|P}", keys)
    named = ", ".join(pause.workers[:_MOST_NAMED])
    if len(pause.workers) > _MOST_NAMED:
        named += f" and {len(pause.workers) - _MOST_NAMED} more"
    if pause.is_ending:
        return f"resumed, but {named} has not gone on yet: {resume} tries again, {pause_key} pauses it anew"
    who = f"paused by {pause.who} since {since}"
    return f"{who}; {resume} lets it go on: {named or 'no worker had consumed it'}"


def _priorities(queue: QueueDepth) -> Iterator[Content]:
    most = max((n for _, n in queue.by_priority), default=0) or 1
    for step, n in queue.by_priority:
        bar = "█" * max(1 if n else 0, round(n / most * BAR_CELLS))
        is_first = step == queue.by_priority[0][0] and len(queue.by_priority) > 1
        yield Content.assemble(
            (f"  priority {step}  ", "$text-muted"),
            f"{n:>7} ",
            (bar, "$primary"),
            (" most urgent" if is_first else "", "$text-muted"),
        )


def _held(queue: QueueDepth) -> Iterator[Content]:
    if not queue.unacked:
        return
    oldest = "" if queue.oldest_unacked_s is None else f", oldest {cells.coarse(queue.oldest_unacked_s)}"
    timed = f"; ETA: {queue.timed}" if queue.timed else ""
    timeout_s = queue.visibility_timeout_s
    until = (
        f"given away after {cells.coarse(timeout_s)}"
        if isfinite(timeout_s)
        else "given back when a worker goes"
    )
    yield Content(f"  held        {queue.unacked:>7} by workers{oldest}, {until}{timed}")
    if queue.oldest_unacked_s is not None and cells.is_too_old(
        queue.oldest_unacked_s, queue.visibility_timeout_s
    ):
        yield Content.styled(
            "  ! held for more than 80% of that: another worker is about to get it too, and it runs twice",
            "bold $error",
        )


def _takers(queue: QueueDepth, now: datetime, keys: Mapping[str, str]) -> Iterator[Content]:
    if queue.pause is not None:
        yield Content.styled(f"  ‖ {pause_text(queue, now, keys)}", "bold $warning")
        if queue.consumers and not queue.pause.is_ending:
            yield Content.styled(
                f"  ! {counted(queue.consumers, 'worker')} still consumed it when last heard", "$error"
            )
    elif queue.consumers == 0:
        if queue.unacked:
            what = "who holds messages of it is busy in a solo pool, or gone"
            yield Content.styled(f"  ! no worker that answers consumes it: {what}", "bold $warning")
            return
        what = "nobody takes what waits here" if queue.depth else "what comes will wait"
        yield Content.styled(f"  ! no worker consumes this queue: {what}", "bold $error")
