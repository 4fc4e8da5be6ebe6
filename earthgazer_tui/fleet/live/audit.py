"""Who did what from this console: to the database, or without one to a file that is only appended to."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs

from earthgazer_core.db.session import Database
from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.operations import audit

logger = logging.getLogger(__name__)


class Audit:
    """Notes operator actions that the operations don't note themselves."""

    def __init__(self, database: Database | None, context: str, file: Path | None = None) -> None:
        self._database = database
        self._context = context
        self._file = file or platformdirs.user_state_path("earthgazer") / "audit.jsonl"

    @contextmanager
    def noting(self, action: str, target: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Note what is done inside and how it ended; what the block puts into the yielded dict goes along."""
        detail: dict[str, Any] = {}
        try:
            yield detail
        except Exception as error:
            self._note(action, target, "failed", {**detail, "error": type(error).__name__})
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
        who, origin = audit.who()
        line = {
            "at": datetime.now(UTC).isoformat(), "who": who, "origin": origin, "context": self._context,
            "action": action, "target": target, "outcome": outcome, "detail": detail,
        }  # fmt: skip
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # One write of one line: two consoles don't mix theirs.
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "ab", buffering=0) as file:
            file.write(json.dumps(line).encode() + b"\n")
