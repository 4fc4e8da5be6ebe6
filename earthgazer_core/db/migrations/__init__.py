"""Schema migrations: where a database stands, and bringing it to the newest revision."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from earthgazer_core.db.standing import Standing, note, revision_of, standing
from earthgazer_core.db.tables import SCHEMA
from earthgazer_core.errors import ConflictError

_LOCK = 0x6561727468  # "earth": any number that all starters share and nobody else uses


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def head() -> str:
    """Return the newest revision that this version of the code knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise LookupError("no migrations are installed beside this code")
    return revision


def current(engine: Engine) -> str | None:
    """Return the revision of the database, None if it was never migrated."""
    with engine.connect() as connection:
        return revision_of(connection)


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to a revision; does nothing if it is there already.

    Safe to call from several processes at once: one migrates, the others wait for it. All of it is one
    transaction, so whoever is killed in the middle leaves the database as it was.

    Raises:
        ConflictError: the database was made by a newer version of the code.
    """
    with engine.begin() as connection:
        config = _locked(connection)
        revision_there = revision_of(connection)
        if standing(revision_there) is Standing.NEWER:
            raise ConflictError(note(revision_there))
        command.upgrade(config, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to a revision, ``base`` for none; what only newer ones hold is lost."""
    with engine.begin() as connection:
        command.downgrade(_locked(connection), revision)


def _locked(connection: Connection) -> Config:
    # held until the transaction ends, so that two starters can't both create the tables
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    config = _config()
    config.attributes["connection"] = connection
    return config
