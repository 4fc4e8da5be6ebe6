"""What a retry of many tasks would take on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import aliased

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.operations.filter import Filter, where
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.operations.retry_offer import RetryPlanItem
from earthgazer_core.recorder.order import FAILED

LIMIT = 10_000
"""The most that one bulk retry takes on."""
LISTED = 200
"""Tasks of a plan that are judged one by one beforehand; each is judged again at its moment."""


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
