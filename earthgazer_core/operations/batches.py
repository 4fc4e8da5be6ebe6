"""Large work on the database in short transactions, which give way to everybody else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select, text, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from earthgazer_core.db.session import Database
from earthgazer_core.settings import RetentionSettings

logger = logging.getLogger(__name__)

_LOCK_TIMEOUT_MS = 200
"""Below Postgres' patience with deadlocks: of two that wait for each other it is we who give way."""
_GIVE_WAY = frozenset({"55P03", "40P01", "57014"})
"""Postgres' codes for a lock that did not come, a deadlock, and a statement out of time."""


class _BusyError(Exception):
    """Somebody else works on the rows of a batch."""


class Batches:
    """Reads pages and runs batches, each in a transaction of its own."""

    def __init__(
        self, database: Database, settings: RetentionSettings, *, longest_s: float | None = None
    ) -> None:
        """Take the limits.

        Args:
            database: The database.
            settings: How many rows a page has, and how long a statement may take.
            longest_s: No page is read once so many seconds are over; None for no limit.
        """
        self._database = database
        self._settings = settings
        self._deadline = None if longest_s is None else time.monotonic() + longest_s
        self.busy = 0
        """Batches left for the next time because somebody else worked on their rows."""
        self.is_complete = True
        """Whether all pages were read in the time given."""

    def pages(
        self, order: tuple[Any, ...], more: tuple[Any, ...], *where: Any
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Yield rows of ``(*order, *more)``, the last first, until all are seen or the time is over."""
        after: tuple[Any, ...] | None = None
        backwards = [column.desc() for column in order]
        while self._has_time():
            query = select(*order, *more).where(*where).order_by(*backwards).limit(self._settings.batch_rows)
            if after is not None:
                query = query.where(tuple_(*order) < tuple_(*after))
            with self.session() as session:
                page = [tuple(row) for row in session.execute(query)]
            if not page:
                return
            yield page
            after = page[-1][: len(order)]

    def run(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do one batch in a transaction of its own; whoever else needs its rows goes first."""
        try:
            with self.session() as session:
                try:
                    work(session, *arguments)
                except DBAPIError as error:
                    if getattr(error.orig, "pgcode", None) in _GIVE_WAY:
                        raise _BusyError from error
                    raise
        except _BusyError as busy:
            logger.info("retention: a batch waits for the next time: %s", busy.__cause__)
            self.busy += 1

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a session whose statements and locks have their time."""
        limits = {
            "statement_timeout": f"{self._settings.statement_timeout_s}s",
            "lock_timeout": f"{_LOCK_TIMEOUT_MS}ms",
        }
        with self._database.session() as session:
            for name, value in limits.items():
                session.execute(text(f"SET LOCAL {name} = '{value}'"))
            yield session

    def _has_time(self) -> bool:
        if self._deadline is not None and time.monotonic() > self._deadline:
            self.is_complete = False
        return self.is_complete
