"""Starting workflows: this process publishes them, with the recorder watching; blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.live.audit import Audit
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.models import ActionResult

if TYPE_CHECKING:
    from earthgazer_core.workflows import WorkflowResult


class Imagery:
    """What an operator has done with captures and locations."""

    def __init__(self, services: Services, audit: Audit) -> None:
        self._services = services
        self._audit = audit

    def discover(self, location_ids: Sequence[int] | None) -> ActionResult:
        """Publish the search for new captures."""
        from earthgazer_core.workflows import discover_workflow

        places = list(location_ids) if location_ids is not None else None
        what = "all active locations" if places is None else _counted(len(places), "location")
        return self._start(
            "captures.discover",
            {"location_ids": places},
            lambda: discover_workflow(places),
            f"discovery of {what}",
        )

    def process(self, capture_ids: Sequence[int], force: bool) -> ActionResult:
        """Publish the processing of captures."""
        from earthgazer_core.workflows import (
            process_multiple_captures_workflow,
            process_single_capture_workflow,
        )

        ids = list(dict.fromkeys(capture_ids))
        if not ids:
            raise RefusedError("no capture is chosen")

        def publish() -> WorkflowResult:
            if len(ids) == 1:
                return process_single_capture_workflow(ids[0], force=force)
            return process_multiple_captures_workflow(ids, force=force)

        verb = "reprocessing" if force else "processing"
        what = f"{verb} of capture {ids[0]}" if len(ids) == 1 else f"{verb} of {len(ids)} captures"
        return self._start("captures.process", {"capture_ids": ids, "force": force}, publish, what)

    def discover_and_process(self) -> ActionResult:
        """Publish the full pipeline."""
        from earthgazer_core.workflows import full_pipeline_workflow

        return self._start("workflows.full_pipeline", {}, full_pipeline_workflow, "the full pipeline")

    def _start(
        self, action: str, target: dict[str, object], publish: Callable[[], WorkflowResult], what: str
    ) -> ActionResult:
        if self._services.is_foreign:
            raise RefusedError("this fleet is not known to be EarthGazer's: give its --database as well")
        with self._audit.noting(action, target) as note:
            result = publish()
            note["run_id"] = result.run_id
        return ActionResult(True, f"Started {what}: run {result.run_id[:8]}")


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
