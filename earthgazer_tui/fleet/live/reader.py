"""Reading from the database: short, read-only transactions with a time limit of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import text
from sqlalchemy.orm import Session

from earthgazer_core.db.session import Database
from earthgazer_tui.fleet.errors import UnavailableError

P = ParamSpec("P")
T = TypeVar("T")

STATEMENT_TIMEOUT_S = 5.0
"""A statement that takes longer is ended by the server."""


class Reader:
    """Runs queries; blocks, so it is used from the runner's threads alone."""

    def __init__(self, database: Database | None) -> None:
        self.database = database

    def read(self, query: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``query`` makes of a session.

        Raises:
            UnavailableError: there is no database.
            earthgazer_core.errors.EarthGazerError, sqlalchemy.exc.SQLAlchemyError: it can't be read now.
        """
        if self.database is None:
            raise UnavailableError("no database is configured: history and imagery are not known")
        with self.database.session() as session:
            session.execute(text("SET TRANSACTION READ ONLY"))
            session.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_S * 1000:.0f}"))
            return query(session, *args, **kwargs)
