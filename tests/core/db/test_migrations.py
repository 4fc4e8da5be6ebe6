"""Migrations lead to exactly the tables that the code describes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, NullPool, create_engine, inspect

from earthgazer_core.db import migrations
from earthgazer_core.db.tables import SCHEMA, Base


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
