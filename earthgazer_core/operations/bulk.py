"""Retrying many tasks, at a rate that the fleet can bear."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import aliased

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import OperatorActionRow, TaskExecutionRow
from earthgazer_core.errors import InvalidInputError, NotFoundError, RefusedError, TransientError
from earthgazer_core.operations import audit
from earthgazer_core.operations.filter import Filter, where
from earthgazer_core.operations.retry import COPY, REFUSED, Retried, Retrier, RetryPlanItem
from earthgazer_core.recorder.order import FAILED

LIMIT = 10_000
"""The most that one bulk retry takes on."""
LISTED = 200
"""Tasks of a plan that are judged one by one beforehand; each is judged again at its moment."""
_KEPT_REASONS = 20
_RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:/\s*(s|m|h))?\s*")
_SECONDS = {"s": 1, "m": 60, "h": 3600}

COMPLETED, STOPPED = "done", "stopped"
"""How a bulk retry ends, beside the reason for which it had to."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds."""

    count: float
    """How many; above zero."""
    seconds: int = 1
    """In which time."""

    @property
    def interval_s(self) -> float:
        """Time from one to the next."""
        return self.seconds / self.count

    def __str__(self) -> str:
        unit = next(name for name, seconds in _SECONDS.items() if seconds == self.seconds)
        return f"{self.count:g}/{unit}"


def parse_rate(text: str) -> Rate:
    """Return the rate that ``5/s``, ``30/m`` or ``100/h`` names; a number alone is per second.

    Raises:
        InvalidInputError: it names none.
    """
    found = _RATE.fullmatch(text)
    if found is None or not 0 < float(found[1]) <= 1_000_000:
        raise InvalidInputError(f"rate {text!r}: expected 5/s, 30/m or 100/h")
    return Rate(float(found[1]), _SECONDS[found[2] or "s"])


@dataclass(frozen=True, slots=True)
class BulkTask:
    """A task that a bulk retry is to take on."""

    task_id: str
    """Celery's id."""
    name: str
    """Task name; empty where it isn't known."""
    queue: str | None
    """Queue that it goes to."""
    state: str
    """Its state when the plan was made; empty where it isn't known."""


@dataclass(frozen=True, slots=True)
class BulkCount:
    """Tasks of a plan that look alike."""

    name: str
    """Task name."""
    queue: str | None
    """Queue that they go to."""
    state: str
    """Their state."""
    count: int
    """How many."""


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """What a bulk retry would take on; nothing has been changed."""

    tasks: tuple[BulkTask, ...]
    """In the order in which they would go: the oldest failure first, or as they were given."""
    counts: tuple[BulkCount, ...]
    """The same by name, queue and state, the most first."""
    items: tuple[RetryPlanItem, ...]
    """The first of them, judged one by one."""
    matched: int
    """Failed tasks that were asked for."""
    blocked: int
    """Chords' bodies that never ran: they come with their header, so they aren't taken on."""
    dismissed: int
    """Failures that an operator dismissed, or that were copied already: they aren't taken on."""
    limit: int
    """The most that is taken on at once."""

    @property
    def is_cut(self) -> bool:
        """Whether more was asked for than is taken on at once."""
        return self.matched > len(self.tasks)

    @property
    def note(self) -> str:
        """What is left out and why, in one line; may be empty."""
        words = []
        if self.is_cut:
            words.append(
                f"{self.matched} failed tasks match, and at most {self.limit} are retried at once:"
                f" the oldest {len(self.tasks)} are, then run it again"
            )
        if self.blocked:
            words.append(f"{self.blocked} that never ran come with the header that blocks them")
        if self.dismissed:
            words.append(f"{self.dismissed} dismissed or copied already are left out")
        return "; ".join(words)


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


def plan_bulk(
    database: Database,
    retrier: Retrier,
    wanted: Filter | Sequence[str],
    *,
    limit: int = LIMIT,
    listed: int = LISTED,
    now: datetime | None = None,
) -> BulkPlan:
    """Return what a bulk retry would take on; nothing is changed.

    A filter that names no state means failures alone: what somebody revoked comes back only when asked for.

    Args:
        database: Where the flight recorder writes.
        retrier: Judges the first of them one by one.
        wanted: A filter, or ids.
        limit: At most so many.
        listed: At most so many are judged beforehand.
        now: The moment that spans count back from; the moment of this call if None.

    Raises:
        ServiceUnavailableError: database or result backend are away.
    """
    if isinstance(wanted, Filter):
        plan = _by_filter(database, wanted, limit, now)
    else:
        plan = _by_id(database, list(dict.fromkeys(wanted)), limit)
    counts = Counter((task.name, task.queue, task.state) for task in plan.tasks)
    return replace(
        plan,
        counts=tuple(BulkCount(*kind, count) for kind, count in counts.most_common()),
        items=retrier.plan([task.task_id for task in plan.tasks[:listed]]),
    )


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
    ended = STOPPED
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
    finally:
        outcome = BulkOutcome(len(plan.tasks), tuple(retried), tuple(refused), ended)
        _end(database, action, outcome)
    return outcome


def _by_filter(database: Database, filter_: Filter, limit: int, now: datetime | None) -> BulkPlan:
    row = TaskExecutionRow
    copy = aliased(TaskExecutionRow)
    names_state = any(term.field == "state" for term in filter_.terms)
    states = FAILED if names_state else ("FAILURE",)
    asked = (row.state.in_(states), *where(filter_, now))
    is_blocked = row.blocked_by.is_not(None)
    is_over = row.dismissed_at.is_not(None) | exists().where(copy.copy_of == row.task_id)
    conditions: tuple[ColumnElement[bool], ...] = (*asked, ~is_blocked, ~is_over)
    with database.session() as session:
        found = session.execute(
            select(row.task_id, row.name, func.coalesce(row.queue, row.routing_key), row.state)
            .where(*conditions)
            .order_by(row.finished_at.nulls_first(), row.task_id)
            .limit(limit)
        ).all()
        matched = len(found)
        if matched == limit:
            matched = session.scalar(select(func.count()).select_from(row).where(*conditions)) or 0
        blocked, over = session.execute(
            select(
                func.count().filter(is_blocked),
                func.count().filter(~is_blocked & row.dismissed_at.is_not(None)),
            )
            .select_from(row)
            .where(*asked)
        ).one()
    tasks = tuple(BulkTask(*one) for one in found)
    return BulkPlan(tasks, (), (), matched, blocked, over, limit)


def _by_id(database: Database, task_ids: Sequence[str], limit: int) -> BulkPlan:
    row = TaskExecutionRow
    with database.session() as session:
        found = {
            one.task_id: BulkTask(*one)
            for one in session.execute(
                select(row.task_id, row.name, func.coalesce(row.queue, row.routing_key), row.state).where(
                    row.task_id.in_(task_ids[:limit])
                )
            )
        }
    tasks = tuple(found.get(task_id) or BulkTask(task_id, "", None, "") for task_id in task_ids[:limit])
    return BulkPlan(tasks, (), (), len(task_ids), 0, 0, limit)


def _begin(
    database: Database, plan: BulkPlan, rate: Rate | None, copy: bool, context: str | None, said: str
) -> int:
    target = {"filter": said, "tasks": len(plan.tasks)} if said else {"tasks": len(plan.tasks)}
    detail = {"rate": str(rate) if rate else None, "copy": copy}
    with database.session() as session:
        action = audit.note(session, "tasks.retry", target, "begun", detail, context)
        session.flush()
        return action.id


def _end(database: Database, action_id: int, outcome: BulkOutcome) -> None:
    reasons = Counter(item.note for item in outcome.refused)
    with database.session() as session:
        action = session.get(OperatorActionRow, action_id)
        if action is None:
            return
        action.outcome = "done" if outcome.ended in (COMPLETED, STOPPED) else "failed"
        action.detail = {
            **action.detail,
            "retried": len(outcome.retried),
            "refused": len(outcome.refused),
            "left": outcome.left,
            "ended": outcome.ended,
            "reasons": dict(reasons.most_common(_KEPT_REASONS)),
        }
