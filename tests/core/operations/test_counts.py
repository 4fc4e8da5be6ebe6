"""Counts by state follow every way that executions come, change and go."""

from __future__ import annotations

from sqlalchemy import text

from earthgazer_core.db import migrations
from earthgazer_core.db.session import Database
from earthgazer_core.operations.counts import count_by_state


def do(database: Database, statement: str) -> dict[str, int]:
    """Run a statement on whichever connection comes, and return what is counted then."""
    with database.session() as session:
        session.execute(text(statement))
    with database.session() as session:
        return count_by_state(session)


def add(first: int, last: int, state: str) -> str:
    return (
        "insert into earthgazer.task_executions (task_id, name, state)"  # noqa: S608 - of this test
        f" select g::text, 'app.a', '{state}' from generate_series({first}, {last}) as g"
    )


def test_an_empty_history_has_no_counts(database: Database) -> None:
    with database.session() as session:
        assert count_by_state(session) == {}


def test_counts_follow_inserts_updates_upserts_and_deletes(database: Database) -> None:
    table = "earthgazer.task_executions"
    assert do(database, add(1, 10, "PENDING")) == {"PENDING": 10}
    moved = f"update {table} set state = 'SUCCESS' where task_id::int <= 4"  # noqa: S608 - of this test
    assert do(database, moved) == {"PENDING": 6, "SUCCESS": 4}
    upsert = f"{add(10, 12, 'FAILURE')} on conflict (task_id) do update set state = excluded.state"
    assert do(database, upsert) == {"PENDING": 5, "SUCCESS": 4, "FAILURE": 3}
    gone = f"delete from {table} where state = 'PENDING'"  # noqa: S608 - of this test
    assert do(database, gone) == {"SUCCESS": 4, "FAILURE": 3}


def test_what_is_rolled_back_does_not_count(database: Database) -> None:
    with database.session() as session:
        session.execute(text(add(1, 5, "PENDING")))
        session.rollback()
    with database.session() as session:
        assert count_by_state(session) == {}


def test_connections_add_up(database: Database) -> None:
    with database.session() as one:
        one.execute(text(add(1, 2, "PENDING")))
        # The other's rows are not locked by the first one's transaction.
        assert do(database, "update earthgazer.task_executions set state = 'SUCCESS'") == {}
        assert do(database, add(3, 5, "PENDING")) == {"PENDING": 3}
    assert do(database, "select 1") == {"PENDING": 5}


def test_a_history_that_was_there_before_is_counted(database: Database) -> None:
    migrations.downgrade(database.engine, "0004")
    with database.session() as session:
        session.execute(text(add(1, 7, "SUCCESS")))
    migrations.upgrade(database.engine)
    assert do(database, add(8, 9, "SUCCESS")) == {"SUCCESS": 9}
