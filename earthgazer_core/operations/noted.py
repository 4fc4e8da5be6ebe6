"""Keeping an operation in the audit whatever comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from earthgazer_core.db.session import Database
from earthgazer_core.errors import EarthGazerError, ServiceUnavailableError
from earthgazer_core.operations import audit

DONE, REFUSED, FAILED = "done", "refused", "failed"


class Note:
    """What is to be written of an operation that is under way."""

    def __init__(self) -> None:
        self.outcome = DONE
        self.detail: dict[str, Any] = {}


@contextmanager
def noted(
    database: Database | None, action: str, target: Mapping[str, Any], context: str | None = None
) -> Iterator[Note]:
    """Yield a note to fill in, and keep it when the operation has ended, well or not.

    Args:
        database: Where the audit is kept; None keeps nothing.
        action: ``queue.purge``, ``worker.shutdown``, …
        target: What it is done to.
        context: The fleet's name where one works on several.

    Raises:
        ServiceUnavailableError: it was done, and the database is away; the message says both.
    """
    note = Note()
    try:
        yield note
    except EarthGazerError as error:
        if database is not None:
            outcome = audit.outcome_of(error)
            audit.record(database, action, target, outcome, {**note.detail, "reason": str(error)}, context)
        raise
    if database is None:
        return
    try:
        audit.record(database, action, target, note.outcome, note.detail, context)
    except ServiceUnavailableError as error:
        raise ServiceUnavailableError(f"{action} is {note.outcome}, but not in the audit: {error}") from error
