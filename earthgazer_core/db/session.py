"""Engines and sessions; one per process, made when first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from earthgazer_core.errors import InvalidInputError, RefusedError, ServiceUnavailableError
from earthgazer_core.settings import DatabaseSettings

_OUT_OF_TIME = "57014"
"""Postgres' code for a statement that was ended because it took too long."""


def make_engine(settings: DatabaseSettings, *, pool_size: int = 2) -> Engine:
    """Return an engine for these settings; nothing is connected yet.

    Raises:
        InvalidInputError: no database is configured.
    """
    if not settings.is_configured:
        raise InvalidInputError(
            "no database: set EARTHGAZER__DATABASE__URL or EARTHGAZER__DATABASE__HOST,"
            " or start the embedded stack with `earthgazer stack up`"
        )
    return create_engine(
        settings.sqlalchemy_url(),
        echo=settings.echo_sql,
        pool_size=pool_size,
        max_overflow=8,
        pool_pre_ping=True,
        connect_args={"connect_timeout": settings.connect_timeout_s},
    )


def is_unavailable(error: DBAPIError) -> bool:
    """Whether the error means that the server is away, not that the statement is wrong."""
    if not isinstance(error, OperationalError | InterfaceError) and not error.connection_invalidated:
        return False
    if is_out_of_time(error):
        return False
    text = str(error.orig)
    return not any(
        word in text for word in ("password authentication", "does not exist", "no password supplied")
    )


def is_out_of_time(error: DBAPIError) -> bool:
    """Whether a statement was ended because it took too long, or because somebody ended it."""
    return getattr(error.orig, "pgcode", None) == _OUT_OF_TIME


class Database:
    """Hands out sessions; turns an absent server into one transient error."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._sessions = sessionmaker(engine, expire_on_commit=False)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a session in a transaction: committed at the end, rolled back on any error.

        Raises:
            ServiceUnavailableError: the server is away; try again later.
            InvalidInputError: the server is there but refuses us (password, database name).
            RefusedError: a statement took longer than it may.
        """
        try:
            with self._sessions.begin() as session:
                yield session
        except DBAPIError as error:
            words = str(error.orig).strip()
            # what follows the first line is Postgres' hint
            reason = words.splitlines()[0] if words else type(error).__name__
            if is_unavailable(error):
                raise ServiceUnavailableError(f"database unavailable: {reason}") from error
            if is_out_of_time(error):
                raise RefusedError(
                    "that takes the database too long: take a shorter span or a narrower filter"
                ) from error
            if isinstance(error, OperationalError):
                raise InvalidInputError(f"database refuses the connection: {reason}") from error
            raise

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()
