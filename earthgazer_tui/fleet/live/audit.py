"""Who did what from this console: to the database, or without one to a file that is only appended to."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from earthgazer_core.db.session import Database
from earthgazer_core.errors import PermanentError, ServiceUnavailableError, UnsureError
from earthgazer_core.operations import audit
from earthgazer_core.operations.local_audit import LocalAudit

logger = logging.getLogger(__name__)


class Audit:
    """Notes operator actions that the operations don't note themselves."""

    def __init__(self, database: Database | None, context: str, file: Path | None = None) -> None:
        self._database = database
        self._context = context
        self._local = LocalAudit(file)

    @property
    def local(self) -> LocalAudit | None:
        """The file, where there is no database."""
        return self._local if self._database is None else None

    @contextmanager
    def noting(self, action: str, target: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Note what is done inside and how it ended; what the block puts into the yielded dict goes along."""
        detail: dict[str, Any] = {}
        try:
            yield detail
        except PermanentError as error:
            self._note(action, target, "refused", {**detail, "reason": str(error)})
            raise
        except Exception as error:
            detail = {**detail, "error": type(error).__name__}
            if isinstance(error, UnsureError):
                detail["reason"] = str(error)
            self._note(action, target, audit.outcome_of(error), detail)
            raise
        self._note(action, target, str(detail.pop("outcome", "done")), detail)

    @contextmanager
    def noting_elsewhere(self, action: str, target: dict[str, Any]) -> Iterator[None]:
        """Note what an operation notes itself in a database, where there is none."""
        if self._database is not None:
            yield
            return
        with self.noting(action, target):
            yield

    def _note(self, action: str, target: dict[str, Any], outcome: str, detail: dict[str, Any]) -> None:
        if self._database is not None:
            try:
                audit.record(self._database, action, target, outcome, detail, self._context)
            except ServiceUnavailableError as error:
                # What was done is done: it must not look as if it had failed.
                logger.warning("audit goes to a file: %s", error)
            else:
                return
        try:
            self._local.note(action, target, outcome, detail, self._context)
        except ServiceUnavailableError as error:
            logger.error("%s of %s is %s and not in the audit: %s", action, target, outcome, error)
