"""Databases of every release: filled, and known by what is in them and by their schema."""

# ruff: noqa: E501 - checks read best with what they tell, on one line
from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from alembic.script import ScriptDirectory
from sqlalchemy import Engine, NullPool, create_engine, text

from earthgazer_core.db import migrations
from earthgazer_core.stack.postgres import PostgresServer

_TABLES = """
    select c.relname, string_agg(quote_ident(a.attname), ', ' order by a.attnum)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'earthgazer'
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind = 'r' and c.relname <> 'alembic_version' group by c.relname
"""
_SCHEMA = """
    select 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
        || coalesce(' ' || column_default, '') from information_schema.columns where table_schema = 'earthgazer'
    union all select 'index ' || indexdef from pg_indexes where schemaname = 'earthgazer'
    union all select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'earthgazer'::regnamespace
    union all select 'trigger ' || pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where not t.tgisinternal and c.relnamespace = 'earthgazer'::regnamespace
    union all select 'function ' || pg_get_functiondef(oid) from pg_proc
        where pronamespace = 'earthgazer'::regnamespace
    order by 1
"""
_EVERY_ROW = "select count(*), md5(string_agg(shown, E'\\n' order by shown)) from (select row({})::text as shown from {}) as rows"

Contents = Mapping[str, tuple[str, int, str | None]]
"""By table: its columns, the number of rows, and what they come to."""


def revisions() -> tuple[str, ...]:
    """Return all revisions that were ever released, the first one first."""
    directory = ScriptDirectory(str(Path(migrations.__file__).parent))
    return tuple(reversed([script.revision for script in directory.walk_revisions()]))


@contextmanager
def fresh_database(server: PostgresServer) -> Iterator[str]:
    """Yield the URL of an empty database, which goes afterwards, whoever is connected to it."""
    name = f"campaign_{token_hex(6)}"
    engine = create_engine(server.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"create database {name} template template0"))
    try:
        yield server.url_of(name)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    """Yield an engine that keeps no connection."""
    engine = create_engine(url, poolclass=NullPool)
    try:
        yield engine
    finally:
        engine.dispose()


def fill(engine: Engine, executions: int) -> int:
    """Put rows into every table that there is; return how many tables that were."""
    parts = Path(__file__).with_name("release_rows.sql").read_text(encoding="utf-8").split("\n-- ")
    statements = dict(part.split("\n", 1) for part in parts[2:])
    filled = 0
    with engine.begin() as connection:
        there = {name for name, _ in connection.execute(text(_TABLES))}
        for table, statement in statements.items():
            if table in there:
                connection.execute(text(statement.replace(":n", str(executions))))
                filled += 1
    return filled


def contents(engine: Engine, known: Contents | None = None) -> Contents:
    """Return what is in all tables, or in the tables and columns that were known before."""
    with engine.connect() as connection:
        tables = (
            [(str(name), str(columns)) for name, columns in connection.execute(text(_TABLES))]
            if known is None
            else [(name, columns) for name, (columns, _, _) in known.items()]
        )
        found = {}
        for table, columns in tables:
            rows, digest = connection.execute(text(_EVERY_ROW.format(columns, f"earthgazer.{table}"))).one()
            found[table] = (columns, int(rows), digest)
        return found


def schema(engine: Engine) -> tuple[str, ...]:
    """Return everything that the schema consists of, and its revision."""
    with engine.connect() as connection:
        return (f"revision {migrations.current(engine)}", *connection.execute(text(_SCHEMA)).scalars())


def counts(engine: Engine) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return executions by state, counted, and as the database keeps count of them."""
    with engine.connect() as connection:
        counted = connection.execute(
            text("select state, count(*) from earthgazer.task_executions group by 1")
        )
        kept = connection.execute(
            text("select state, sum(n) from earthgazer.execution_counts group by 1 having sum(n) <> 0")
        )
        return {state: int(n) for state, n in counted}, {state: int(n) for state, n in kept}
