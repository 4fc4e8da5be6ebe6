"""The order of a task's states, so that late records never move a state back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROGRESS = "PROGRESS"
"""A running task told how far it is."""
REPLACED = "REPLACED"
"""A task ended by putting others in its place; its id goes on with the last of them."""

PUBLISHED_RANK = 0
"""Rank of a message that was just published, whatever its state is called."""
BLOCKED_ORDER = 5
"""Order of a chord's body that never ran: below that of any message."""

_RANKS = {
    "PENDING": PUBLISHED_RANK,
    "RECEIVED": 1,
    # A redelivered task starts again, so these three follow each other in any order, by time.
    "STARTED": 2,
    PROGRESS: 2,
    "REJECTED": 2,
    "RETRY": 4,
    "IGNORED": 5,
    REPLACED: 5,
    "REVOKED": 5,
    "FAILURE": 5,
    # Celery never lets go of a success either.
    "SUCCESS": 6,
}

UNFINISHED = ("PENDING", "RECEIVED", "STARTED", PROGRESS, "RETRY", "REJECTED")
"""States of a task that something is still to come of."""
SUCCEEDED = ("SUCCESS", "IGNORED")
"""States of a task that is done, so that nobody runs it again."""
FAILED = ("FAILURE", "REVOKED")
"""States of a task that ended without doing its work."""


def generation_of(headers: Mapping[str, Any]) -> int:
    """Return the generation of a message: attempt, then replacement, then automatic retry."""
    attempt = int(headers.get("attempt") or 1)
    nesting = min(int(headers.get("replaced_task_nesting") or 0), 999)
    retries = min(int(headers.get("retries") or 0), 999)
    return attempt * 1_000_000 + nesting * 1_000 + retries


def state_order(generation: int, state: str, *, is_published: bool = False) -> int:
    """Return a number that grows with the generation and, within it, with the state's rank."""
    return generation * 10 + (PUBLISHED_RANK if is_published else _RANKS.get(state, 2))
