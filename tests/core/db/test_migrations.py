"""Migrations lead to exactly the tables that the code describes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, NullPool, create_engine, inspect, select

from earthgazer_core.db import migrations
from earthgazer_core.db.session import Database
from earthgazer_core.db.standing import Standing, known_revisions, standing
from earthgazer_core.db.tables import SCHEMA, Base, ExecutionCountRow
from earthgazer_core.errors import ServiceUnavailableError


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url, poolclass=NullPool)
    yield engine
    engine.dispose()


def test_a_fresh_database_has_no_revision(engine: Engine) -> None:
    assert migrations.current(engine) is None


def test_the_migrated_database_and_the_tables_do_not_differ(engine: Engine) -> None:
    migrations.upgrade(engine)
    assert migrations.current(engine) == migrations.head()
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table_schema": SCHEMA,
                "include_schemas": True,
                "include_name": lambda name, kind, _parents: kind != "schema" or name == SCHEMA,
                "compare_server_default": True,
            },
        )
        assert compare_metadata(context, Base.metadata) == []


def test_the_revisions_known_by_their_files_are_those_of_alembic() -> None:
    assert known_revisions()[-1] == migrations.head()
    assert standing(None) is Standing.NONE
    assert [standing(revision) for revision in known_revisions()] == [
        *(Standing.OLDER for _ in known_revisions()[1:]),
        Standing.CURRENT,
    ]
    assert standing("9999") is Standing.NEWER


def test_a_session_says_that_the_tables_wait_for_an_upgrade(engine: Engine) -> None:
    database = Database(engine)
    for revision in (None, known_revisions()[0]):
        if revision is not None:
            migrations.upgrade(engine, revision)
        with (
            pytest.raises(ServiceUnavailableError, match="run `earthgazer db upgrade`"),
            database.session() as session,
        ):
            session.execute(select(ExecutionCountRow))


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    migrations.upgrade(engine)
    migrations.upgrade(engine)
    assert migrations.current(engine) == migrations.head()


def test_starters_at_the_same_time_do_not_collide(engine: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrations.upgrade(engine), range(4)))
    assert migrations.current(engine) == migrations.head()


def test_the_first_migration_can_be_taken_back(engine: Engine) -> None:
    migrations.upgrade(engine)
    migrations.downgrade(engine, "base")
    assert inspect(engine).get_table_names(schema=SCHEMA) == ["alembic_version"]
