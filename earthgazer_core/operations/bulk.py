"""Retrying many tasks, at a rate that the fleet can bear."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import OperatorActionRow
from earthgazer_core.errors import NotFoundError, RefusedError, TransientError
from earthgazer_core.operations import audit
from earthgazer_core.operations.bulk_plan import BulkPlan
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.operations.retry_offer import COPY, REFUSED, Retried, RetryPlanItem
from earthgazer_core.operations.retry_rate import Rate

COMPLETED, STOPPED = "done", "stopped"
"""How a bulk retry ends, beside the reason for which it had to."""
_KEPT_REASONS = 20


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """How far a bulk retry is."""

    total: int
    """Tasks to take on."""
    retried: int = 0
    """Published again."""
    refused: int = 0
    """Refused at their moment."""
    last: Retried | RetryPlanItem | None = None
    """What became of the last one."""

    @property
    def done(self) -> int:
        """Tasks dealt with."""
        return self.retried + self.refused


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What a bulk retry did."""

    total: int
    """Tasks to take on."""
    retried: tuple[Retried, ...]
    """Published again."""
    refused: tuple[RetryPlanItem, ...]
    """Refused at their moment, each with its reason."""
    ended: str
    """``done``, ``stopped`` by the operator, or the fault that ended it."""

    @property
    def left(self) -> int:
        """Tasks that it didn't come to."""
        return self.total - len(self.retried) - len(self.refused)

    @property
    def summary(self) -> str:
        """One line."""
        words = f"{len(self.retried)} of {self.total} retried"
        if self.refused:
            words += f", {len(self.refused)} refused"
        return f"{words}, {self.left} left: {self.ended}" if self.left else words


def run_bulk(
    database: Database,
    retrier: Retrier,
    plan: BulkPlan,
    *,
    rate: Rate | None = None,
    copy: bool = False,
    stop: threading.Event | None = None,
    progress: Callable[[BulkProgress], None] | None = None,
    context: str | None = None,
    said: str = "",
) -> BulkOutcome:
    """Retry the tasks of a plan one after the other, each judged anew at its moment.

    What is retried is no failure any more, so a run that was stopped, or whose process died, goes on
    where it was when the same filter is run again: nothing is published twice. The audit has one entry
    for the whole, written before the first task and completed after the last, beside the one of each task.

    Args:
        database: Where the audit is kept.
        retrier: Retries each.
        plan: What to take on.
        rate: How many in which time; as fast as it goes if None.
        copy: New tasks with the same messages.
        stop: Set it, from any thread, to end after the task that is under way.
        progress: Called in this thread after each task.
        context: Name of the fleet, for the audit.
        said: The filter line as it was typed, for the audit.

    Raises:
        ServiceUnavailableError: the database is away; nothing was published.
    """
    stop = stop or threading.Event()
    action = _begin(database, plan, rate, copy, context, said)
    retried: list[Retried] = []
    refused: list[RetryPlanItem] = []
    ended, noted = STOPPED, "done"
    started = time.monotonic()
    try:
        for number, task in enumerate(plan.tasks):
            pause_s = started + number * rate.interval_s - time.monotonic() if rate else 0.0
            if stop.wait(pause_s) if pause_s > 0 else stop.is_set():
                break
            last: Retried | RetryPlanItem
            try:
                last = retrier.retry(task.task_id, mode=COPY if copy else None)
                retried.append(last)
            except (RefusedError, NotFoundError) as error:
                last = RetryPlanItem(task.task_id, task.name, task.queue, REFUSED, str(error))
                refused.append(last)
            if progress is not None:
                progress(BulkProgress(len(plan.tasks), len(retried), len(refused), last))
        else:
            ended = COMPLETED
    except TransientError as error:
        ended = str(error)
        noted = audit.outcome_of(error)
    finally:
        outcome = BulkOutcome(len(plan.tasks), tuple(retried), tuple(refused), ended)
        _end(database, action, outcome, noted)
    return outcome


def _begin(
    database: Database, plan: BulkPlan, rate: Rate | None, copy: bool, context: str | None, said: str
) -> int:
    target = {"filter": said, "tasks": len(plan.tasks)} if said else {"tasks": len(plan.tasks)}
    detail = {"rate": str(rate) if rate else None, "copy": copy}
    with database.session() as session:
        action = audit.note(session, "tasks.retry", target, "begun", detail, context)
        session.flush()
        return action.id


def _end(database: Database, action_id: int, outcome: BulkOutcome, noted: str) -> None:
    reasons = Counter(item.note for item in outcome.refused)
    with database.session() as session:
        action = session.get(OperatorActionRow, action_id)
        if action is None:
            return
        action.outcome = noted
        action.detail = {
            **action.detail,
            "retried": len(outcome.retried),
            "refused": len(outcome.refused),
            "left": outcome.left,
            "ended": outcome.ended,
            "reasons": dict(reasons.most_common(_KEPT_REASONS)),
        }
