"""Fills a database with the history of a month: millions of executions, and what lies around them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, text

_TASKS_OF_A_CAPTURE = 50
_MOST_WITH_ARTIFACTS = 20_000
_WITH_TRACES = 200_000
"""The newest executions: they alone have messages and state changes, and so have all failures a message."""
_RUN_SIZE = 25
_RUNS_WITH_STEPS = 20_000
_ACTIONS = 100_000


def fill(engine: Engine, executions: int) -> None:
    """Fill an empty, migrated database, and leave it as autovacuum would.

    Indexes of the large tables are built after their rows, which takes a tenth of the time.
    """
    captures = executions // _TASKS_OF_A_CAPTURE
    values = {
        "n": executions, "run_size": _RUN_SIZE, "traced": min(_WITH_TRACES, executions), "captures": captures,
        "actions": _ACTIONS, "stepped": _RUNS_WITH_STEPS,
        "with_artifacts": min(_MOST_WITH_ARTIFACTS, captures),
    }  # fmt: skip
    statements = _statements()
    with engine.begin() as connection:
        connection.execute(text("set local maintenance_work_mem = '512MB'"))
        connection.execute(text("set local work_mem = '256MB'"))
        for table, name in (("task_executions", "executions"), ("task_messages", "messages"),
                            ("task_state_changes", "state changes")):  # fmt: skip
            _fill_bare(connection, table, statements.pop(name), values)
        for statement in statements.values():
            connection.execute(text(statement), values)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("set maintenance_work_mem = '512MB'"))
        connection.execute(text("vacuum analyze"))


def _statements() -> dict[str, str]:
    """Return the statements of the file beside this one, by name."""
    parts = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").split("\n-- ")
    found = dict(part.split("\n", 1) for part in parts[1:])
    rows = found.pop("rows")
    return {name: statement.replace("(:rows)", f"({rows})") for name, statement in found.items()}


def _fill_bare(connection: Connection, table: str, statement: str, values: dict[str, int]) -> None:
    """Fill a table without its indexes and triggers, then give them back."""
    name = f"earthgazer.{table}"
    # unlogged: what is read of it stays the same, and nobody needs its write-ahead log
    connection.execute(text(f"alter table {name} set unlogged"))
    key, definition = connection.execute(
        text(
            "select conname, pg_get_constraintdef(oid) from pg_constraint"
            " where conrelid = cast(:name as regclass) and contype = 'p'"
        ),
        {"name": name},
    ).one()
    indexes = connection.execute(
        text(
            "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index"
            " where indrelid = cast(:name as regclass) and not indisprimary"
        ),
        {"name": name},
    ).all()
    connection.execute(text(f"alter table {name} drop constraint {key}, disable trigger user"))
    for index, _ in indexes:
        connection.execute(text(f"drop index {index}"))
    connection.execute(text(statement), values)
    connection.execute(text(f"alter table {name} add constraint {key} {definition}, enable trigger user"))
    for _, index_definition in indexes:
        connection.execute(text(index_definition))
