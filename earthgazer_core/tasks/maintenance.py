"""The tasks that tidy up: work files, old history, messages that were lost, queues that were paused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any, TypedDict

from celery import shared_task
from celery.utils.log import get_task_logger

from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.queues.lever_broker import LeverBroker, lever_broker
from earthgazer_core.operations.queues.pause import enforce
from earthgazer_core.operations.reconcile import reconcile
from earthgazer_core.operations.retention import prune
from earthgazer_core.tasks.base import EarthGazerTask
from earthgazer_core.tasks.work_directories import sweep

logger = get_task_logger(__name__)


class ReconcileResult(TypedDict):
    """What a reconciliation did."""

    lost: int
    """Tasks that were nowhere."""
    republished: int
    """Of those, the ones whose message is on its way again."""
    note: str
    """Why nothing was looked at; empty otherwise."""


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.maintenance.sweep_work_files")
def sweep_work_files_task(self: EarthGazerTask, older_than_s: float | None = None) -> int:
    """Remove what killed tasks left in the work directory and return how many leftovers that were.

    Args:
        older_than_s: Age at which a leftover goes though nothing tells that its process has ended; None
            means twice the hard time limit.
    """
    limit_s = 2 * self.settings.celery.task_time_limit_s if older_than_s is None else older_than_s
    return sweep(self.resources.work_path, limit_s)


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.maintenance.prune_history")
def prune_history_task(self: EarthGazerTask) -> dict[str, Any]:
    """Delete history that is older than the settings say and return what was deleted, by table.

    It ends halfway to its soft time limit: what is left comes the next time.
    """
    longest_s = self.settings.celery.task_soft_time_limit_s / 2
    done = prune(self.resources.database, self.settings.retention, longest_s=longest_s)
    logger.info("history: %s", done.summary)
    return asdict(done)


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.maintenance.reconcile")
def reconcile_task(self: EarthGazerTask, grace_s: float = 120.0) -> ReconcileResult:
    """Publish again the recorded, unfinished messages that no queue and no worker has.

    A task that a worker had begun counts as lost only after a time that no task may run.

    Args:
        grace_s: Seconds of silence before a task can count as lost.
    """
    settings = self.settings
    key = settings.recorder.encryption_key
    with _fleet(self) as (broker, mailbox):
        if not isinstance(broker, RedisBroker):
            return {"lost": 0, "republished": 0, "note": "only Redis shows which messages are nowhere"}
        try:
            done = reconcile(
                self.resources.database, self.app, broker, mailbox, grace_s=grace_s,
                begun_grace_s=settings.celery.task_time_limit_s + grace_s,
                encryption_key=key.get_secret_value() if key else None,
            )  # fmt: skip
        except RefusedError as error:
            # A worker that works hard and answers late is no failure of this task; it comes again.
            logger.warning("nothing was reconciled: %s", error)
            return {"lost": 0, "republished": 0, "note": str(error)}
    if not done.is_idle:
        logger.warning("%s", done.summary)
    return {"lost": len(done.lost), "republished": len(done.republished), "note": ""}


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.maintenance.enforce_pauses")
def enforce_pauses_task(self: EarthGazerTask) -> list[str]:
    """Have workers stop that consume a paused queue and return those queues.

    Our own workers heed pauses when they start; this is for those that could not, and for others.
    """
    with _fleet(self) as (broker, mailbox):
        again = enforce(broker, mailbox, database=self.resources.database)
    for one in again:
        logger.warning("%s", one.summary)
    return [one.pause.queue for one in again]


@contextmanager
def _fleet(task: EarthGazerTask) -> Iterator[tuple[LeverBroker, Mailbox]]:
    with closing(lever_broker(task.app)) as broker, closing(Mailbox(task.app)) as mailbox:
        yield broker, mailbox
