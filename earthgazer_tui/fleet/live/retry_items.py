"""What a retry or a resume would do with one task, ready to be shown."""

from __future__ import annotations

from earthgazer_core.operations.resume_plan import ResumeItem
from earthgazer_core.operations.retry_offer import RetryPlanItem as CoreRetryPlanItem
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.models import RetryPlanItem


def shown_item(item: CoreRetryPlanItem | ResumeItem) -> RetryPlanItem:
    """Return a line of a plan with its texts made safe."""
    return RetryPlanItem(
        task_id=sanitise.name(item.task_id),
        name=sanitise.name(item.name),
        queue=sanitise.optional(item.queue),
        mode=str(item.mode),
        note=sanitise.line(item.note),
    )
