"""Entries in a real database: seeds, claims, changes by operators."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import OperatorActionRow, ScheduleEntryRow
from earthgazer_core.errors import InvalidInputError, NotFoundError
from earthgazer_core.operations.schedule import list_schedule, set_enabled, set_interval
from earthgazer_core.schedule import entries
from earthgazer_core.schedule.seeds import Seed
from earthgazer_core.schedule.timing import Timing


def a_seed(name: str = "sweep", timing: Timing | None = None, **changes: Any) -> Seed:
    given: dict[str, Any] = {"task": "tasks.sweep", "args": [], "kwargs": {}, "options": {}, **changes}
    return Seed(name, timing=timing or Timing.every(3600), **given)


def seed(database: Database, *seeds: Seed) -> None:
    with database.session() as session:
        entries.seed(session, seeds)


def row_of(database: Database, name: str = "sweep") -> ScheduleEntryRow:
    with database.session() as session:
        return session.get_one(ScheduleEntryRow, name)


def have_due(database: Database, ago_s: float, name: str = "sweep") -> None:
    with database.session() as session:
        session.get_one(ScheduleEntryRow, name).next_due_at = entries.now(session) - timedelta(seconds=ago_s)


def claim(database: Database) -> tuple[str, ...]:
    with database.session() as session:
        return entries.claim(session)


def test_what_operators_changed_survives_new_code(database: Database) -> None:
    seed(database, a_seed())
    set_interval(database, "sweep", 120)
    set_enabled(database, "sweep", False)
    seed(database, a_seed(timing=Timing.cron("5 * * * *"), kwargs={"older_than_s": 5}))
    row = row_of(database)
    assert (row.own_interval_s, row.enabled) == (120, False)
    assert (row.crontab, row.interval_s, row.kwargs) == ("5 * * * *", None, {"older_than_s": 5})
    with database.session() as session:
        [listed] = list_schedule(session)
    assert (listed.timing, listed.code_timing, listed.is_changed) == ("every 120 s", "5 * * * * UTC", True)
    assert set_interval(database, "sweep", None).timing == "5 * * * * UTC"


def test_an_entry_that_the_code_drops_is_gone_and_comes_back_as_it_was(database: Database) -> None:
    seed(database, a_seed(), a_seed("other"))
    set_enabled(database, "sweep", False)
    seed(database, a_seed("other"))
    with database.session() as session:
        assert [one.name for one in list_schedule(session)] == ["other"]
    with pytest.raises(NotFoundError, match="there is other"):
        set_enabled(database, "sweep", True)
    have_due(database, 3600)
    seed(database, a_seed(), a_seed("other"))
    row = row_of(database)
    assert (row.retired_at, row.enabled) == (None, False)
    assert row.next_due_at > row_of(database, "other").next_due_at - timedelta(seconds=60)


def test_seeding_again_changes_no_due_time(database: Database) -> None:
    seed(database, a_seed())
    before = row_of(database).next_due_at
    seed(database, a_seed(options={"expires": 60}))
    assert row_of(database).next_due_at == before


def test_a_due_run_survives_a_new_timing(database: Database) -> None:
    seed(database, a_seed())
    have_due(database, 60)
    seed(database, a_seed(timing=Timing.every(7200)))
    assert len(claim(database)) == 1


def test_a_due_time_is_claimed_once_by_many(database: Database) -> None:
    seed(database, *(a_seed(f"entry{number}") for number in range(20)))
    for number in range(20):
        have_due(database, 60, f"entry{number}")
    claimed: list[str] = []
    start = threading.Barrier(4)

    def race() -> None:
        start.wait()
        for _ in range(3):
            claimed.extend(claim(database))

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 20


def test_a_run_in_somebodys_hands_is_not_taken_by_another(database: Database) -> None:
    seed(database, a_seed())
    have_due(database, 60)
    claim(database)
    with database.session() as one, database.session() as other:
        assert entries.take(one, "sweep") is not None
        assert entries.take(other, "sweep") is None


def test_what_was_missed_while_a_run_waited_is_covered_by_it(database: Database) -> None:
    seed(database, a_seed(timing=Timing.every(10)))
    have_due(database, 3600)
    [task_id] = claim(database)
    assert claim(database) == ()
    with database.session() as session:
        taken = entries.take(session, "sweep")
        assert taken is not None
        assert taken.run.task_id == task_id
        entries.mark_sent(session, taken)
    row = row_of(database)
    assert (row.total_runs, row.last_task_id) == (1, task_id)
    assert claim(database) == ()


def test_the_id_of_a_run_depends_on_name_and_due_time_alone(database: Database) -> None:
    seed(database, a_seed())
    have_due(database, 60)
    due_at = row_of(database).next_due_at
    assert claim(database) == (entries.task_id_of("sweep", due_at),)
    elsewhere = due_at.astimezone(tz=None)
    assert entries.task_id_of("sweep", elsewhere) == entries.task_id_of("sweep", due_at)
    assert entries.task_id_of("other", due_at) != entries.task_id_of("sweep", due_at)


def test_enabling_makes_up_for_nothing(database: Database) -> None:
    seed(database, a_seed())
    set_enabled(database, "sweep", False)
    have_due(database, 9000)
    assert claim(database) == ()
    set_enabled(database, "sweep", True)
    assert claim(database) == ()


def test_changes_are_audited(database: Database) -> None:
    seed(database, a_seed())
    set_interval(database, "sweep", 90, context="staging")
    set_enabled(database, "sweep", False)
    with database.session() as session:
        actions = session.scalars(select(OperatorActionRow).order_by(OperatorActionRow.id)).all()
    assert [(action.action, action.context, action.outcome) for action in actions] == [
        ("schedule.interval", "staging", "done"),
        ("schedule.disable", None, "done"),
    ]
    assert actions[0].detail == {"before": "every 3600 s", "after": "every 90 s"}


def test_bad_input_changes_nothing(database: Database) -> None:
    seed(database, a_seed())
    with pytest.raises(InvalidInputError, match="between"):
        set_interval(database, "sweep", 0.01)
    with pytest.raises(NotFoundError, match="no schedule entry 'swep': there is sweep"):
        set_interval(database, "swep", 60)
    assert row_of(database).own_interval_s is None
    with database.session() as session:
        assert session.scalar(text("SELECT count(*) FROM earthgazer.operator_actions")) == 0
