"""Retrying many tasks: the dry run, and one after the other at a rate; blocks."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from earthgazer_core.db.session import Database
from earthgazer_core.operations.bulk import BulkProgress, run_bulk
from earthgazer_core.operations.bulk_plan import plan_bulk
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.operations.retry_offer import Retried
from earthgazer_core.operations.retry_rate import parse_rate
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.filter_line import read_filter
from earthgazer_tui.fleet.live.retry_items import shown_item
from earthgazer_tui.fleet.models import (
    ActionResult,
    RetryCount,
    RetryOrder,
    RetryPlan,
    RetryProgress,
)

_FAILURES_ALONE = "failures alone: state:revoked in the filter names revoked ones"


def plan(database: Database, retrier: Retrier, wanted: Sequence[str], matching: str | None) -> RetryPlan:
    """Return what a retry of these, or of all that match a filter line, would send where.

    Raises:
        FilterError: the line can't be read.
    """
    found = plan_bulk(database, retrier, list(wanted) if matching is None else read_filter(matching))
    notes = [found.note, _FAILURES_ALONE if matching is not None and "state:" not in matching else ""]
    return RetryPlan(
        items=tuple(map(shown_item, found.items)),
        task_ids=tuple(task.task_id for task in found.tasks),
        counts=tuple(
            RetryCount(
                sanitise.name(one.name), sanitise.optional(one.queue), sanitise.name(one.state), one.count
            )
            for one in found.counts
        ),
        note=sanitise.line("; ".join(note for note in notes if note)),
    )


def run(
    database: Database,
    retrier: Retrier,
    order: RetryOrder,
    report: Callable[[RetryProgress], None],
    stop: threading.Event,
    context: str | None,
) -> ActionResult:
    """Retry one task after the other."""
    last_refusal = ""

    def tell(progress: BulkProgress) -> None:
        nonlocal last_refusal
        if progress.last is not None and not isinstance(progress.last, Retried):
            last_refusal = sanitise.line(progress.last.note)
        report(RetryProgress(progress.total, progress.retried, progress.refused, last_refusal))

    outcome = run_bulk(
        database,
        retrier,
        plan_bulk(database, retrier, order.task_ids, listed=0),
        rate=parse_rate(order.rate) if order.rate else None,
        copy=order.copy,
        stop=stop,
        progress=tell,
        context=context,
        said=order.said,
    )
    reasons = Counter(item.note for item in outcome.refused).most_common(1)
    summary = f"{outcome.summary}: {reasons[0][0]}" if reasons else outcome.summary
    return ActionResult(not outcome.refused and not outcome.left, sanitise.line(summary))


def run_copies(
    send: Callable[[str], ActionResult],
    order: RetryOrder,
    report: Callable[[RetryProgress], None],
    stop: threading.Event,
) -> ActionResult:
    """Send one copy after the other, where nothing was recorded."""
    interval_s = parse_rate(order.rate).interval_s if order.rate else 0.0
    started = time.monotonic()
    progress = RetryProgress(len(order.task_ids))
    for number, task_id in enumerate(order.task_ids):
        pause_s = started + number * interval_s - time.monotonic() if interval_s else 0.0
        if stop.wait(pause_s) if pause_s > 0 else stop.is_set():
            break
        result = send(task_id)
        progress = RetryProgress(
            progress.total,
            progress.retried + result.is_ok,
            progress.refused + (not result.is_ok),
            progress.last_refusal if result.is_ok else result.summary,
        )
        report(progress)
    words = f"{progress.retried} of {progress.total} sent as copies"
    if progress.refused:
        words += f", {progress.refused} refused: {progress.last_refusal}"
    if left := progress.total - progress.done:
        words += f"; {left} left"
    return ActionResult(progress.retried == progress.total, sanitise.line(words))
