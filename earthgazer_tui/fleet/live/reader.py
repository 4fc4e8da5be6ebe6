"""Reading from the database: short, read-only transactions with a time limit of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from earthgazer_core.db.session import Database
from earthgazer_tui.fleet.errors import UnavailableError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

P = ParamSpec("P")
T = TypeVar("T")

STATEMENT_TIMEOUT_S = 5.0
"""A statement that takes longer is ended by the server."""
PATIENCE_S = STATEMENT_TIMEOUT_S + 1.0
"""An answer that takes longer will not come."""


class Reader:
    """Runs queries; blocks, so it is used from the runner's threads alone."""

    def __init__(self, database: Database | None, patience_s: float = PATIENCE_S) -> None:
        """Take what is needed; nothing is connected yet.

        Args:
            database: The database; None where there is none.
            patience_s: Longest wait for one answer.
        """
        self.database = database
        self._patience_s = patience_s

    def with_patience(self, patience_s: float) -> Reader:
        """Return a reader for queries that set themselves another time limit."""
        return Reader(self.database, patience_s)

    def read(self, query: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``query`` makes of a session.

        Raises:
            UnavailableError: there is no database.
            earthgazer_core.errors.EarthGazerError, sqlalchemy.exc.SQLAlchemyError: it can't be read now.
        """
        if self.database is None:
            raise UnavailableError("no database is configured: history and imagery are not known")
        # here, so that a look at the broker alone needs none of it
        from sqlalchemy import text

        from earthgazer_core.db.patience import patience

        with patience(self._patience_s), self.database.session() as session:
            session.execute(text("SET TRANSACTION READ ONLY"))
            session.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_S * 1000:.0f}"))
            return query(session, *args, **kwargs)
