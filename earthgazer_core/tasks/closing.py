"""The last step of workflows that end without an analysis: what was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from celery import shared_task

from earthgazer_core.db.repositories import artifacts
from earthgazer_core.tasks.base import EarthGazerTask


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.default.summarize_capture")
def summarize_capture_task(
    self: EarthGazerTask, results: Sequence[Any], capture_id: int, kinds: Sequence[str]
) -> dict[str, Any]:
    """Return what the products of one capture came to, by kind: a path, or why there is none."""
    return {"capture_id": capture_id, **dict(zip(kinds, results, strict=True))}


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.default.summarize_captures")
def summarize_captures_task(self: EarthGazerTask, capture_ids: Sequence[int]) -> dict[str, Any]:
    """Return the newest artifacts of each capture, by kind."""
    from earthgazer_core.tasks.products import location_of

    made: dict[str, dict[str, str]] = {str(capture_id): {} for capture_id in capture_ids}
    with self.resources.database.session() as session:
        for artifact in artifacts.find(session, capture_ids=list(capture_ids)):
            made[str(artifact.capture_id)].setdefault(artifact.kind, location_of(artifact))
    return {"captures": made}
