"""Who did what to the fleet, kept in the database."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from earthgazer_core.db.session import Database
from earthgazer_core.errors import PermanentError, UnsureError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from earthgazer_core.db.tables import OperatorActionRow


def who() -> tuple[str, str | None]:
    """Return the login user and where they came from: the SSH client, else the terminal."""
    user = os.environ.get("SUDO_USER") or _user()
    client = os.environ.get("SSH_CONNECTION", "").split()
    if len(client) >= 2:
        return user, f"ssh {client[0]}:{client[1]}"
    try:
        return user, os.ttyname(sys.stdin.fileno())
    except (OSError, ValueError, AttributeError):
        return user, None


def outcome_of(error: BaseException) -> str:
    """Return what the audit calls what ended so: ``refused``, ``unsure`` or ``failed``."""
    if isinstance(error, UnsureError):
        return "unsure"
    return "refused" if isinstance(error, PermanentError) else "failed"


def note(
    session: Session,
    action: str,
    target: Mapping[str, Any],
    outcome: str,
    detail: Mapping[str, Any] | None = None,
    context: str | None = None,
) -> OperatorActionRow:
    """Add an action to the audit, in the transaction of the action itself, and return it."""
    # here and not at the top: whoever has no database doesn't wait for its tables
    from earthgazer_core.db.tables import OperatorActionRow

    user, origin = who()
    row = OperatorActionRow(
        who=user,
        origin=origin,
        context=context,
        action=action,
        target=dict(target),
        outcome=outcome,
        detail=dict(detail or {}),
    )
    session.add(row)
    return row


def record(
    database: Database,
    action: str,
    target: Mapping[str, Any],
    outcome: str,
    detail: Mapping[str, Any] | None = None,
    context: str | None = None,
) -> None:
    """Add an action to the audit.

    Args:
        database: Where the audit is kept.
        action: ``task.retry``, ``pool.grow``, …
        target: What it was done to.
        outcome: ``done``, ``refused``, ``failed``, or ``unsure`` where an answer was lost.
        detail: What came of it; no secrets.
        context: The fleet's name where one works on several.

    Raises:
        ServiceUnavailableError: the database is away.
    """
    with database.session() as session:
        note(session, action, target, outcome, detail, context)


def _user() -> str:
    try:
        return os.getlogin()
    except OSError:
        # There is no login without a terminal: cron, a container.
        return getpass.getuser()
