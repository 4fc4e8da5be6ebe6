"""Schedule entries in the database; every decision about time is made by the database's clock."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import ScheduledRunRow, ScheduleEntryRow, TaskExecutionRow
from earthgazer_core.errors import NotFoundError
from earthgazer_core.schedule.seeds import Seed
from earthgazer_core.schedule.timing import Timing

_SEED_LOCK = 0x62656174  # "beat": any number that all beats share and nobody else uses
_NAMESPACE = uuid.UUID("f3f3bd2e-7f39-5c43-9a0e-1c9f6b0d2a55")
_HAS_RUN = exists().where(ScheduledRunRow.name == ScheduleEntryRow.name)


@dataclass(frozen=True, slots=True)
class Taken:
    """A claimed run in our hands: nobody else can take it before this transaction ends."""

    run: ScheduledRunRow
    """The run."""
    entry: ScheduleEntryRow
    """Its entry as it is now."""
    at: datetime
    """When it was taken."""

    @property
    def is_wanted(self) -> bool:
        """Whether the entry still is to be sent."""
        return self.entry.enabled and self.entry.retired_at is None


def task_id_of(name: str, due_at: datetime) -> str:
    """Return the task id of a run, the same whoever sends it and however often."""
    return str(uuid.uuid5(_NAMESPACE, f"{name}\n{due_at.astimezone(UTC).isoformat()}"))


def timing_of(row: ScheduleEntryRow) -> Timing:
    """Return when an entry is due: as an operator said, else as the code says."""
    return code_timing_of(row) if row.own_interval_s is None else Timing(interval_s=row.own_interval_s)


def code_timing_of(row: ScheduleEntryRow) -> Timing:
    """Return when an entry is due as the code says."""
    return Timing(interval_s=row.interval_s, crontab=row.crontab)


def get(session: Session, name: str, *, to_change: bool = False) -> ScheduleEntryRow:
    """Return an entry, locked if it is to be changed.

    Raises:
        NotFoundError: there is none of that name; the message lists those there are.
    """
    row = session.get(ScheduleEntryRow, name, with_for_update=to_change)
    if row is None or row.retired_at is not None:
        names = ", ".join(known.name for known in find(session))
        raise NotFoundError(
            f"no schedule entry {name!r}: "
            + (f"there is {names}" if names else "there is none before beat has run")
        )
    return row


def find(session: Session) -> Sequence[ScheduleEntryRow]:
    """Return all entries that the code wants, by name."""
    query = select(ScheduleEntryRow).where(ScheduleEntryRow.retired_at.is_(None))
    return session.scalars(query.order_by(ScheduleEntryRow.name)).all()


def now(session: Session) -> datetime:
    """Return the database's time."""
    at: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return at


def seed(session: Session, seeds: Sequence[Seed]) -> None:
    """Bring the entries to what the code wants; what operators changed stays, what is due stays due.

    An entry that the code wants no more is retired. When it comes back, it is as operators had left it, and
    runs from now on.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SEED_LOCK})
    at = now(session)
    known = {row.name: row for row in session.scalars(select(ScheduleEntryRow).with_for_update())}
    for one in seeds:
        row = known.get(one.name)
        if row is None:
            row = ScheduleEntryRow(name=one.name, next_due_at=one.timing.next_after(None, at))
            session.add(row)
        elif row.retired_at is not None or (code_timing_of(row) != one.timing and row.next_due_at > at):
            timing = one.timing if row.own_interval_s is None else timing_of(row)
            row.next_due_at = timing.next_after(row.last_due_at, at)
            row.retired_at = None
        row.task, row.args, row.kwargs, row.options = one.task, one.args, one.kwargs, one.options
        row.interval_s, row.crontab = one.timing.interval_s, one.timing.crontab
    wanted = {one.name for one in seeds}
    gone = [name for name, row in known.items() if row.retired_at is None and name not in wanted]
    session.execute(update(ScheduleEntryRow).where(ScheduleEntryRow.name.in_(gone)).values(retired_at=at))


def claim(session: Session) -> tuple[str, ...]:
    """Claim every run that is due, unless one of its entry waits to be sent; return their task ids.

    The row lock and the check of the due time under it make sure that a due time is claimed once, even
    by several beats. ``next_due_at`` stays until the run is sent, so nothing is lost before.
    """
    due = select(ScheduleEntryRow.name, ScheduleEntryRow.next_due_at).where(
        ScheduleEntryRow.enabled,
        ScheduleEntryRow.retired_at.is_(None),
        ScheduleEntryRow.next_due_at <= func.clock_timestamp(),
        ~_HAS_RUN,
    )
    rows = session.execute(due.order_by(ScheduleEntryRow.name).with_for_update(skip_locked=True)).all()
    if not rows:
        return ()
    runs = [
        {"name": name, "due_at": due_at.astimezone(UTC), "task_id": task_id_of(name, due_at)}
        for name, due_at in rows
    ]
    # A beat that is marking the run before as sent still shows it: then this one is claimed a tick later.
    claimed = insert(ScheduledRunRow).on_conflict_do_nothing().returning(ScheduledRunRow.task_id)
    return tuple(session.scalars(claimed, runs))


def waiting(session: Session) -> tuple[str, ...]:
    """Return the names of all entries with a claimed run, whoever claimed it, longest due first."""
    return tuple(session.scalars(select(ScheduledRunRow.name).order_by(ScheduledRunRow.due_at)))


def take(session: Session, name: str) -> Taken | None:
    """Return an entry's claimed run, locked; None if it is gone or in other hands.

    A beat that dies lets go of its lock, and of its run only by marking it as sent.
    """
    query = select(ScheduledRunRow).where(ScheduledRunRow.name == name)
    run = session.scalars(query.with_for_update(skip_locked=True)).one_or_none()
    if run is None:
        return None
    return Taken(run, session.get_one(ScheduleEntryRow, name), now(session))


def was_recorded(session: Session, task_id: str) -> bool:
    """Whether the flight recorder has seen a task of this id."""
    return session.get(TaskExecutionRow, task_id) is not None


def drop(session: Session, taken: Taken) -> None:
    """Let go of a run that is not wanted any more."""
    session.delete(taken.run)


def mark_sent(session: Session, taken: Taken) -> None:
    """Note that a run was sent; it covers every due time up to when it was taken."""
    row = _conclude(session, taken)
    row.last_sent_at = taken.at
    row.last_task_id = taken.run.task_id
    row.total_runs += 1
    row.publish_error = None


def mark_unsendable(session: Session, taken: Taken, error: str) -> None:
    """Note that no message could be made of a run; the next one will be tried when it is due."""
    _conclude(session, taken).publish_error = error


def note_extra_run(session: Session, name: str, task_id: str) -> None:
    """Note that an operator had an entry sent; when it is due next, stays."""
    row = get(session, name, to_change=True)
    row.last_sent_at = now(session)
    row.last_task_id = task_id
    row.total_runs += 1


def set_enabled(session: Session, name: str, enabled: bool) -> ScheduleEntryRow:
    """Switch an entry on or off; what was due while it was off is not made up for."""
    row = get(session, name, to_change=True)
    if enabled and not row.enabled:
        row.next_due_at = timing_of(row).next_after(None, now(session))
    row.enabled = enabled
    return row


def set_interval(session: Session, name: str, timing: Timing | None) -> ScheduleEntryRow:
    """Give an entry an interval of its own, counted from its last run; None: as the code says again.

    A run that is due stays due.
    """
    row = get(session, name, to_change=True)
    before = timing_of(row)
    row.own_interval_s = timing.interval_s if timing is not None else None
    changed, at = timing_of(row), now(session)
    if changed != before and row.next_due_at > at:
        row.next_due_at = changed.next_after(row.last_due_at, at)
    return row


def seconds_to_next(session: Session) -> float | None:
    """Return how long it is until the next run is due; None if none will be."""
    query = select(func.extract("epoch", func.min(ScheduleEntryRow.next_due_at) - func.clock_timestamp()))
    query = query.where(ScheduleEntryRow.enabled, ScheduleEntryRow.retired_at.is_(None), ~_HAS_RUN)
    seconds = session.execute(query).scalar_one()
    return None if seconds is None else float(seconds)


def _conclude(session: Session, taken: Taken) -> ScheduleEntryRow:
    # Read again under a lock: an operator may have changed it while the message was on its way.
    row = session.get_one(ScheduleEntryRow, taken.run.name, with_for_update=True, populate_existing=True)
    row.last_due_at = taken.run.due_at
    row.next_due_at = timing_of(row).next_after(taken.run.due_at, taken.at)
    session.delete(taken.run)
    return row
