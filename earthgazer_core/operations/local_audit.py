"""Who did what to a fleet that has no database: one JSON line each in a file that is only appended to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.operations import audit

if TYPE_CHECKING:
    from earthgazer_core.operations.actions import OperatorAction

_MOST_BYTES = 4_000_000
"""What is read of a long file: its end."""


class LocalAudit:
    """Notes operator actions in a file of its owner's, and reads them."""

    def __init__(self, path: Path | None = None) -> None:
        """Take the file; the one in the user's state directory if None."""
        self.path = path or platformdirs.user_state_path("earthgazer") / "audit.jsonl"

    def note(
        self,
        action: str,
        target: Mapping[str, Any],
        outcome: str,
        detail: Mapping[str, Any] | None = None,
        context: str | None = None,
    ) -> None:
        """Add an action; parameters as in :func:`earthgazer_core.operations.audit.record`.

        Raises:
            ServiceUnavailableError: the file can't be written.
        """
        who, origin = audit.who()
        line = {
            "at": datetime.now(UTC).isoformat(), "who": who, "origin": origin, "context": context,
            "action": action, "target": dict(target), "outcome": outcome, "detail": dict(detail or {}),
        }  # fmt: skip
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "ab", buffering=0) as file:
                os.fchmod(descriptor, 0o600)
                # One write of one line: two consoles don't mix theirs.
                file.write(json.dumps(line, default=str).encode() + b"\n")
        except OSError as error:
            raise ServiceUnavailableError(f"the audit file can't be written: {error}") from error

    def read(self, words: str = "", limit: int = 500) -> tuple[OperatorAction, ...]:
        """Return what operators did, newest first.

        Args:
            words: Each of them is somewhere in the line.
            limit: At most so many.

        Raises:
            ServiceUnavailableError: the file can't be read.
        """
        wanted = [word.casefold() for word in words.split()]
        found: list[OperatorAction] = []
        for number, line in enumerate(self._lines()):
            if not all(word in line.casefold() for word in wanted):
                continue
            action = _action(line)
            if action is not None:
                found.append(replace(action, number=number))
        return tuple(reversed(found[-limit:]))

    def _lines(self) -> Iterator[str]:
        try:
            with self.path.open("rb") as file:
                start = max(0, file.seek(0, os.SEEK_END) - _MOST_BYTES)
                file.seek(start)
                if start:
                    file.readline()
                for raw in file:
                    yield raw.decode(errors="replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise ServiceUnavailableError(f"the audit file can't be read: {error}") from error


def _action(line: str) -> OperatorAction | None:
    """Return what a line says; None of one that was torn by a crash or isn't ours."""
    # here, because it comes with all that searches a database
    from earthgazer_core.operations.actions import OperatorAction

    try:
        known = json.loads(line)
        return OperatorAction(
            number=0,
            at=datetime.fromisoformat(known["at"]),
            who=str(known["who"]),
            origin=known.get("origin"),
            context=known.get("context"),
            action=str(known["action"]),
            target=dict(known["target"]),
            outcome=str(known["outcome"]),
            detail=dict(known["detail"]),
        )
    except (ValueError, LookupError, TypeError):
        return None
