"""All that a view can ask of a fleet: one protocol of verbs over frozen values.

Every method is a coroutine that never blocks the event loop, ends within a time limit, and raises
only :class:`~earthgazer_tui.fleet.errors.FleetError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Protocol

from earthgazer_tui.fleet.models import (
    ActionResult,
    CaptureDetail,
    CaptureRow,
    CheckProgress,
    Diagnosis,
    Finding,
    Freshness,
    History,
    OperatorAction,
    PeriodicTask,
    QuitChoice,
    RetryPlan,
    RunDetail,
    RunRow,
    Snapshot,
    StartStep,
    TaskDetail,
    TaskRow,
    WorkInProgress,
)


class Fleet(Protocol):
    """A Celery fleet, its broker and, where there is one, its database."""

    # ── life ──────────────────────────────────────────────────────────────
    async def open(self, report: Callable[[StartStep], None]) -> None:
        """Start or attach to the services; ``report`` is called on the event loop.

        Returns as soon as there is something to look at; a service that is down later, or already,
        is told in the snapshots, not raised.

        Raises:
            FleetError: an embedded stack can't be started at all; the message says what to do.
        """

    async def work_in_progress(self) -> WorkInProgress:
        """Return what quitting now would end."""

    async def close(self, choice: QuitChoice | None) -> None:
        """Let go of everything; ``choice`` says what becomes of an embedded stack that is ours alone.

        None lets go without a choice, as a lost link does: running tasks end, then the stack stops.
        """

    def watch(self) -> AsyncIterator[Snapshot]:
        """Yield the newest snapshot whenever something changed, a few times a second at most."""

    # ── looking ───────────────────────────────────────────────────────────
    async def freshness(self) -> Sequence[Freshness]:
        """Return how fresh each active location is, most urgent first."""

    async def captures(self, text: str = "", limit: int = 500) -> Sequence[CaptureRow]:
        """Return captures whose words match ``text``, newest acquisition first."""

    async def capture(self, capture_id: int) -> CaptureDetail:
        """Return everything about one capture."""

    async def runs(self, text: str = "", limit: int = 200) -> Sequence[RunRow]:
        """Return workflow runs, running ones first, then newest first."""

    async def run(self, run_id: str) -> RunDetail:
        """Return one run with its steps."""

    async def failed(self, text: str = "", limit: int = 500) -> Sequence[TaskRow]:
        """Return failed and revoked tasks that were not dismissed, newest first."""

    async def tasks(self, text: str = "", limit: int = 500) -> Sequence[TaskRow]:
        """Return tasks in any state that match the filter line ``text``, newest change first.

        Raises:
            FilterError: the line can't be read; knows the place.
        """

    async def task(self, task_id: str) -> TaskDetail:
        """Return everything about one task."""

    async def schedule(self) -> Sequence[PeriodicTask]:
        """Return the periodic tasks by name."""

    async def history(self, span: timedelta, by: str = "task") -> History:
        """Return what ended within the span before now, counted by ``task`` or by ``queue``."""

    async def actions(self, text: str = "", limit: int = 500) -> Sequence[OperatorAction]:
        """Return what operators did, where the words of ``text`` are somewhere in it, newest first."""

    # ── doctor ────────────────────────────────────────────────────────────
    async def diagnose(self, report: Callable[[CheckProgress], None]) -> Diagnosis:
        """Return what is wrong with the fleet; ``report`` is called on the event loop meanwhile."""

    async def explain(self, task_id: str) -> Sequence[Finding]:
        """Return why a task is not done, the worst reason first; nothing for one that ended well."""

    # ── imagery ───────────────────────────────────────────────────────────
    async def discover(self, location_ids: Sequence[int] | None = None) -> ActionResult:
        """Search the catalogue for new captures of these, or all active, locations."""

    async def process(self, capture_ids: Sequence[int], *, force: bool = False) -> ActionResult:
        """Start the workflow for these captures; ``force`` makes everything anew."""

    async def discover_and_process(self) -> ActionResult:
        """Start the full pipeline on all active locations."""

    # ── tasks ─────────────────────────────────────────────────────────────
    async def plan_retry(self, task_ids: Sequence[str]) -> RetryPlan:
        """Return what a retry of these tasks would send where; nothing is changed."""

    async def retry(self, task_ids: Sequence[str]) -> ActionResult:
        """Publish the recorded messages of these tasks again; each is checked again at that moment."""

    async def revoke(self, task_ids: Sequence[str], *, terminate: bool = False) -> ActionResult:
        """Revoke these unfinished tasks; ``terminate`` also ends the process of one that runs."""

    async def dismiss(self, task_ids: Sequence[str]) -> ActionResult:
        """Take these failures from the list; their history stays."""

    async def cancel_run(self, run_id: str) -> ActionResult:
        """Revoke all unfinished steps of a run, those yet to be published included."""

    # ── schedule ──────────────────────────────────────────────────────────
    async def run_scheduled(self, names: Sequence[str]) -> ActionResult:
        """Send the tasks of these entries at once; their next runs by schedule stay."""

    async def switch_scheduled(self, names: Sequence[str], *, is_enabled: bool) -> ActionResult:
        """Switch these entries on or off."""

    async def set_interval(self, names: Sequence[str], seconds: float | None) -> ActionResult:
        """Give these entries an interval of their own; None gives back what the code says."""

    # ── workers ───────────────────────────────────────────────────────────
    async def grow_pool(self, hostname: str, n: int = 1) -> ActionResult:
        """Add processes to a worker's pool."""

    async def shrink_pool(self, hostname: str, n: int = 1) -> ActionResult:
        """Take processes from a worker's pool."""

    async def start_worker(self, profile: str) -> ActionResult:
        """Start one more local worker (``io`` or ``cpu``) of the embedded stack."""

    async def stop_worker(self, local_name: str) -> ActionResult:
        """Stop a local worker warm: what it runs ends first."""

    async def enable_events(self) -> ActionResult:
        """Ask all workers to send task events."""
