"""Bringing the stack's database to the newest schema, foreign errors turned into ours."""

from __future__ import annotations

from earthgazer_core.errors import ServiceUnavailableError


def import_migrations() -> None:
    """Import what migrating needs; it takes about as long as a server takes to start."""
    import earthgazer_core.db.migrations  # noqa: F401


def migrate(url: str) -> None:
    """Migrate the database of that URL to the newest revision; does nothing if it is there.

    Raises:
        ConflictError: the database was made by a newer version of EarthGazer.
        ServiceUnavailableError: the server refused; the message has its words.
    """
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.exc import DBAPIError

    from earthgazer_core.db.migrations import upgrade

    engine = create_engine(url, poolclass=NullPool)
    try:
        upgrade(engine)
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()
        raise ServiceUnavailableError(f"migrations failed: {reason[0] if reason else error}") from error
    finally:
        engine.dispose()
