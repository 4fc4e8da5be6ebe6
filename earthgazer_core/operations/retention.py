"""Letting go of old history, a little at a time, without holding anybody up.

A run goes as one or not at all, because half of one would tell lies. What an unfinished run or a failure
that nobody dismissed needs is never touched, however old it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from earthgazer_core.db.session import Database, now
from earthgazer_core.db.tables import (
    ChordPartRow,
    ChordRow,
    OperatorActionRow,
    TaskExecutionRow,
    TaskMessageRow,
    TaskStateChangeRow,
    WorkflowRunRow,
    WorkflowStepRow,
)
from earthgazer_core.operations.batches import Batches
from earthgazer_core.operations.settled import Verdict, judge, of_runs, run_key
from earthgazer_core.settings import RetentionSettings


@dataclass(slots=True)
class Pruned:
    """What was deleted, or would be."""

    executions: int = 0
    """Executions."""
    messages: int = 0
    """Their messages."""
    state_changes: int = 0
    """Changes of their states."""
    runs: int = 0
    """Workflow runs."""
    steps: int = 0
    """Their steps."""
    chords: int = 0
    """Chords."""
    chord_parts: int = 0
    """What their members gave."""
    actions: int = 0
    """Entries of the audit."""
    held: int = 0
    """Runs that are old enough and kept: unfinished, or with a failure that nobody dismissed."""
    busy: int = 0
    """Batches left for the next time because somebody else worked on their rows."""
    is_complete: bool = True
    """Whether everything was looked at in the time given."""

    @property
    def summary(self) -> str:
        """One line."""
        counts = [f"{n} {name.replace('_', ' ')}" for name, n in self._counts() if n]
        rest = "" if self.is_complete else "; there is more to do"
        return (", ".join(counts) or "nothing is old enough") + rest

    def add(self, table: str, n: int) -> None:
        """Count rows of a table, by the name of a field of this class."""
        setattr(self, table, getattr(self, table) + n)

    def _counts(self) -> Iterator[tuple[str, int]]:
        for one in fields(self):
            if one.name not in ("held", "busy", "is_complete"):
                yield one.name, getattr(self, one.name)


def prune(
    database: Database,
    settings: RetentionSettings,
    *,
    now: datetime | None = None,
    dry_run: bool = False,
    longest_s: float | None = None,
) -> Pruned:
    """Delete what is older than the settings say.

    Each batch is a short transaction with a time limit. Rows that somebody else holds are skipped and come
    up again the next time, so this may run beside writers, operators and itself.

    Args:
        database: The database.
        settings: What is kept for how long.
        now: The moment that ages count back from; the moment of this call by the database's clock if None.
        dry_run: Only count; what is deleted with something else may then be counted for both.
        longest_s: End after the batch in which this many seconds are over; None for no limit.

    Raises:
        ServiceUnavailableError: the database is away.
        RefusedError: looking for what is old took the database too long.
    """
    pruning = _Pruning(database, settings, now or _now(database), is_dry=dry_run, longest_s=longest_s)
    for part in (pruning.runs, pruning.details, pruning.chords, pruning.empty_runs, pruning.actions):
        part()
    return pruning.result()


def _now(database: Database) -> datetime:
    # A worker whose clock is years ahead would take all of history for old.
    with database.session() as session:
        return now(session)


class _Pruning:
    def __init__(
        self,
        database: Database,
        settings: RetentionSettings,
        now: datetime,
        *,
        is_dry: bool,
        longest_s: float | None,
    ) -> None:
        self._done = Pruned()
        self._batches = Batches(database, settings, longest_s=longest_s)
        self._settings = settings
        self._now = now
        self._is_dry = is_dry
        self._held: set[str] = set()

    def result(self) -> Pruned:
        """Return what was done so far."""
        self._done.busy = self._batches.busy
        self._done.is_complete = self._batches.is_complete
        return self._done

    def runs(self) -> None:
        """Delete runs that are over for good, with everything that belongs to them.

        What was old enough for long and is still there is being kept, and looked at last: first come
        those beyond the longest time, then the ones that grew old enough since the last time.
        """
        at, seen = TaskExecutionRow.updated_at, set[str]()
        longest = self._before(self._settings.failures_days)
        others = at < self._before(self._settings.successes_days)
        for window in ((at < longest,), (at >= longest, others)):
            for page in self._batches.pages((at, TaskExecutionRow.task_id), (run_key(),), *window):
                keys = {key for _, _, key in page} - seen
                seen |= keys
                for some in self._whole_runs(keys):
                    self._batches.run(self._delete_runs, some)

    def details(self) -> None:
        """Delete what only a repetition or a close look needs of runs that came to a good end."""
        message, part = TaskMessageRow, ChordPartRow
        old = self._before(self._settings.details_days)
        for page in self._batches.pages(
            (message.published_at, message.task_id), (), message.published_at < old
        ):
            self._batches.run(self._delete_details, [task_id for _, task_id in page], old)
        key = (part.group_id, part.task_id, part.place)
        for page in self._batches.pages((part.at, *key), (), part.at < old):
            self._batches.run(self._delete_parts, [tuple(rest) for _, *rest in page], old)

    def chords(self) -> None:
        """Delete chords of which no part is left and no execution is on the record."""
        row = ChordRow
        has_parts = select(ChordPartRow.group_id).where(ChordPartRow.group_id == row.group_id).exists()
        has_tasks = select(TaskExecutionRow.task_id).where(TaskExecutionRow.group_id == row.group_id).exists()
        old = row.seen_at < self._before(self._settings.details_days)
        for page in self._batches.pages((row.group_id,), (), old, ~has_parts, ~has_tasks):
            self._batches.run(self._delete, "chords", row.group_id, [group_id for (group_id,) in page])

    def empty_runs(self) -> None:
        """Delete runs without a single execution: their tasks never came, or are gone."""
        row = WorkflowRunRow
        has_tasks = select(TaskExecutionRow.task_id).where(TaskExecutionRow.run_id == row.run_id).exists()
        old = row.created_at < self._before(self._settings.failures_days)
        for page in self._batches.pages((row.created_at, row.run_id), (), old, ~has_tasks):
            self._batches.run(self._delete, "runs", row.run_id, [run_id for _, run_id in page])

    def actions(self) -> None:
        """Delete entries of the audit."""
        row = OperatorActionRow
        for page in self._batches.pages(
            (row.at, row.id), (), row.at < self._before(self._settings.audit_days)
        ):
            self._batches.run(self._delete, "actions", row.id, [number for _, number in page])

    def _before(self, days: int) -> datetime:
        return self._now - timedelta(days=days)

    def _whole_runs(self, keys: Collection[str]) -> Iterator[Sequence[str]]:
        """Yield old enough runs, together about as many executions as a batch has; a larger run is alone."""
        if not keys:
            return
        with self._batches.session() as session:
            verdicts = judge(session, keys)
        some: list[str] = []
        n = 0
        for key in sorted(keys & verdicts.keys()):
            verdict = verdicts[key]
            if not self._is_due(verdict):
                continue
            if not verdict.is_settled:
                self._hold(key)
                continue
            if some and n + verdict.executions > self._settings.batch_rows:
                yield some
                some, n = [], 0
            some.append(key)
            n += verdict.executions
        if some:
            yield some

    def _is_due(self, verdict: Verdict) -> bool:
        settings = self._settings
        days = settings.failures_days if verdict.has_failed else settings.successes_days
        return verdict.newest < self._before(days)

    def _hold(self, key: str) -> None:
        self._held.add(key)
        self._done.held = len(self._held)

    def _delete_runs(self, session: Session, keys: Sequence[str]) -> None:
        row, run = TaskExecutionRow, WorkflowRunRow
        free_runs = select(run.run_id).where(run.run_id.in_(keys)).with_for_update(skip_locked=True)
        known = set(session.scalars(select(run.run_id).where(run.run_id.in_(keys))))
        taken = known - set(session.scalars(free_runs))
        free = select(run_key(), row.task_id, row.group_id).where(of_runs(keys))
        locked = session.execute(free.with_for_update(skip_locked=True, of=row)).all()
        # Judged once more with everything locked: a retry may have come since.
        verdicts = judge(session, keys)
        n = dict.fromkeys(keys, 0)
        for key, _, _ in locked:
            n[key] += 1
        due = {key for key, verdict in verdicts.items() if verdict.is_settled and self._is_due(verdict)}
        whole = {key for key in due - taken if n[key] == verdicts[key].executions}
        if len(whole) < len(keys):
            self._batches.busy += 1
        task_ids = [task_id for key, task_id, _ in locked if key in whole]
        groups = sorted({group_id for key, _, group_id in locked if key in whole and group_id})
        step, change = WorkflowStepRow, TaskStateChangeRow
        self._drop(session, "messages", TaskMessageRow, TaskMessageRow.task_id, task_ids)
        self._drop(session, "state_changes", change, change.task_id, task_ids)
        self._drop(session, "chord_parts", ChordPartRow, ChordPartRow.group_id, groups)
        self._drop(session, "chords", ChordRow, ChordRow.group_id, groups)
        self._drop(session, "steps", step, step.run_id, sorted(whole & known))
        self._drop(session, "runs", run, run.run_id, sorted(whole & known))
        self._drop(session, "executions", row, row.task_id, task_ids)

    def _delete_details(self, session: Session, task_ids: Sequence[str], before: datetime) -> None:
        free = sorted(self._done_with(session, task_ids, before))
        self._drop(session, "messages", TaskMessageRow, TaskMessageRow.task_id, free)
        self._drop(session, "state_changes", TaskStateChangeRow, TaskStateChangeRow.task_id, free)

    def _delete_parts(self, session: Session, keys: Sequence[tuple[Any, ...]], before: datetime) -> None:
        free = self._done_with(session, [task_id for _, task_id, _ in keys], before)
        part = ChordPartRow
        column = tuple_(part.group_id, part.task_id, part.place)
        self._drop(session, "chord_parts", part, column, [key for key in keys if key[1] in free])

    def _done_with(self, session: Session, task_ids: Collection[str], before: datetime) -> set[str]:
        """Return the tasks whose run is settled, has not failed and is old enough, or is forgotten."""
        row = TaskExecutionRow
        run_of = dict(session.execute(select(row.task_id, run_key()).where(row.task_id.in_(task_ids))).all())
        verdicts = judge(session, set(run_of.values()))
        return {
            task_id for task_id in task_ids
            if (run := run_of.get(task_id)) is None or _is_over(verdicts[run], before)
        }  # fmt: skip

    def _delete(self, session: Session, table: str, column: Any, keys: Sequence[Any]) -> None:
        self._drop(session, table, column.class_, column, keys)

    def _drop(self, session: Session, table: str, of: type[Any], column: Any, values: Sequence[Any]) -> None:
        """Delete the rows of these keys that nobody else holds."""
        if not values:
            return
        if self._is_dry:
            n = session.scalar(select(func.count()).select_from(of).where(column.in_(values))) or 0
        else:
            primary: tuple[InstrumentedAttribute[Any], ...] = tuple(
                getattr(of, one.key) for one in of.__table__.primary_key
            )
            free = select(*primary).where(column.in_(values)).with_for_update(skip_locked=True)
            n = session.execute(
                delete(of).where(tuple_(*primary).in_(free)).execution_options(synchronize_session=False)
            ).rowcount  # type: ignore[attr-defined]
        self._done.add(table, n)


def _is_over(verdict: Verdict, before: datetime) -> bool:
    return verdict.is_settled and not verdict.has_failed and verdict.newest < before
