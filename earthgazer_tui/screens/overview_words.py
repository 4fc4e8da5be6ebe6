"""What the overview says of a snapshot, line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from textual.content import Content

from earthgazer_tui.fleet.models import Snapshot, WorkerState
from earthgazer_tui.key_hints import with_keys
from earthgazer_tui.widgets.sparkline import sparkline
from earthgazer_tui.wording import percent, span

LABEL_CELLS = 10
SEVERITIES = {"critical": ("✗", "bold $error"), "warning": ("!", "bold $warning")}


def summary_lines(snapshot: Snapshot, width: int) -> Content:
    """Return workers, waiting, throughput and failures in two columns."""
    counters = snapshot.counters
    failed = counters.failed_percent
    failed_style = "bold $error" if failed else "$text-muted" if failed is None else "$success"
    running = sum(worker.active for worker in snapshot.workers)
    waiting = sum(queue.depth for queue in snapshot.queues)
    held = sum(queue.unacked or 0 for queue in snapshot.queues)
    oldest = "" if counters.oldest_waiting_s is None else f", oldest {span(counters.oldest_waiting_s)}"
    half = max(38, min(60, width // 2))
    trend = Content.styled("–", "$text-muted")
    if any(counters.throughput):
        cells_left = max(8, min(60, width - half - LABEL_CELLS - 10))
        trend = Content.styled(sparkline(counters.throughput, cells_left), "$primary")
    cells = [
        (_label("Workers") + _workers(snapshot), _label("Finished") + f"{counters.finished_per_s:.1f}/s"),
        (
            _label("Running") + f"{running}, {held} held by workers",
            _label("Failed") + Content.styled("–" if failed is None else percent(failed), failed_style),
        ),
        (_label("Waiting") + f"{waiting}{oldest}", _label("Trend") + trend),
    ]
    lines = [
        left.truncate(half, ellipsis=True).pad_right(max(0, half - left.cell_length)) + right
        for left, right in cells
    ]
    if counters.events_shed:
        lines.append(
            _label("Events") + Content.styled(f"{counters.events_shed} without details: too many", "$warning")
        )
    return Content("\n").join(lines)


def alert_lines(snapshot: Snapshot, most: int, keys: Mapping[str, str] = MappingProxyType({})) -> Content:
    """Return the worst alerts, one line each, or that there is none.

    Args:
        snapshot: The fleet.
        most: Lines there are.
        keys: Keys that the operator chose, by the ids of commands.
    """
    alerts = snapshot.alerts
    if not alerts:
        return Content.assemble(("✓", "$success"), " No alerts")
    lines = []
    for alert in alerts[:most]:
        sign, style = SEVERITIES.get(alert.severity, ("!", "$warning"))
        hint = Content.styled(f"  → {with_keys(alert.hint, keys)}", "$text-muted") if alert.hint else ""
        lines.append(Content.assemble((f"{sign} {alert.text}", style), hint))
    if len(alerts) > most:
        lines.append(Content.styled(f"  and {len(alerts) - most} more", "$text-muted"))
    return Content("\n").join(lines)


def _label(text: str) -> Content:
    return Content.styled(text.ljust(LABEL_CELLS), "$text-muted")


def _workers(snapshot: Snapshot) -> Content:
    """Return how many workers are in which state; only what there is."""
    counts = Counter(worker.state for worker in snapshot.workers)
    words = [
        (counts[WorkerState.SEEN], "seen", "$success"),
        (counts[WorkerState.LATE], "late", "bold $warning"),
        (counts[WorkerState.LOST], "lost", "bold $error"),
    ]
    parts = [Content.styled(f"{n} {word}", style) for n, word, style in words if n]
    if not parts:
        return Content.styled("none seen", "bold $warning")
    return Content(", ").join(parts)
