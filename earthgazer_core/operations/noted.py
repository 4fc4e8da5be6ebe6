"""Keeping an operation in the audit whatever comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from earthgazer_core.db.session import Database
from earthgazer_core.errors import EarthGazerError, ServiceUnavailableError, UnsureError
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
            detail = {**note.detail, "reason": str(error)}
            try:
                audit.record(database, action, target, outcome, detail, context)
            except ServiceUnavailableError as unwritten:
                # What became of it must not be hidden by that.
                raise type(error)(f"{error}; this is not in the audit: {unwritten}") from error
        raise
    if database is None:
        return
    try:
        audit.record(database, action, target, note.outcome, note.detail, context)
    except ServiceUnavailableError as error:
        raise ServiceUnavailableError(f"{action} is {note.outcome}, but not in the audit: {error}") from error


@contextmanager
def begun(doubt: str) -> Iterator[None]:
    """Do what follows a change: a service that goes away leaves that half done, which is no failure.

    Args:
        doubt: What has been done, and what may not have been.

    Raises:
        UnsureError: a service is away; the message says both.
    """
    try:
        yield
    except ServiceUnavailableError as error:
        raise UnsureError(f"{doubt}; {error}") from error
