"""Engines and sessions; one per process, made when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from earthgazer_core.errors import InvalidInputError, RefusedError, ServiceUnavailableError
from earthgazer_core.settings import DatabaseSettings

# Much is imported for the sake of `Database` by what may never ask one: SQLAlchemy takes 0.3 s.
if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.orm import Session, sessionmaker

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
    from sqlalchemy import create_engine

    return create_engine(
        settings.sqlalchemy_url(),
        echo=settings.echo_sql,
        pool_size=pool_size,
        max_overflow=8,
        pool_pre_ping=True,
        connect_args={"connect_timeout": settings.connect_timeout_s},
    )


_OTHER_SCHEMA = ("42P01", "42703", "3F000")
"""Postgres' codes for a table, a column and a schema that are not there."""


def is_unavailable(error: DBAPIError) -> bool:
    """Whether the error means that the server is away, not that the statement is wrong."""
    from sqlalchemy.exc import InterfaceError, OperationalError

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


def now(session: Session) -> datetime:
    """Return the moment at which the session's transaction began, by the database's clock.

    What is on the record is stamped by it: the clocks of workers and consoles may be minutes off.
    """
    from sqlalchemy import func, select

    return session.scalars(select(func.now())).one()


class Database:
    """Hands out sessions; turns an absent server into one transient error."""

    def __init__(self, engine: Engine | Callable[[], Engine]) -> None:
        """Take an engine, or what makes one when it is first needed."""
        self._engine = engine

    @cached_property
    def engine(self) -> Engine:
        """The engine; nothing may be connected yet."""
        return self._engine() if callable(self._engine) else self._engine

    @cached_property
    def _sessions(self) -> sessionmaker[Session]:
        from sqlalchemy.orm import sessionmaker

        return sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a session in a transaction: committed at the end, rolled back on any error.

        Raises:
            ServiceUnavailableError: the server is away, or its tables wait for an upgrade; try again later.
            InvalidInputError: the server is there but refuses us (password, database name).
            RefusedError: a statement took longer than it may.
            ConflictError: the tables are of a newer version, and lack what this one needs.
        """
        from sqlalchemy.exc import DBAPIError, OperationalError

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
            if getattr(error.orig, "pgcode", None) in _OTHER_SCHEMA:
                self._check_schema()
            raise

    def _check_schema(self) -> None:
        from earthgazer_core.db import standing

        with self.engine.connect() as connection:
            standing.check(connection)

    def dispose(self) -> None:
        """Close all connections."""
        if "engine" in vars(self):
            self.engine.dispose()
