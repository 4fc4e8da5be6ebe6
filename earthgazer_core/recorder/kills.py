"""How often a task took its process, or its whole worker, with it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import redis
from celery import Celery
from celery.exceptions import BackendError
from kombu.exceptions import KombuError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

logger = logging.getLogger(__name__)

BEGUN_BEFORE = "begun_before"
"""Detail of a start that the result backend knows an earlier one of, which may be missing on the record."""
WORKER_LOST = "WorkerLostError"
"""Celery's error for a process that died under its task."""

_ENDED = frozenset({"RETRY", "SUCCESS", "FAILURE", "REVOKED", "IGNORED", "REPLACED", "REJECTED"})
_NOT_BEGUN = _ENDED | {"PENDING", "RECEIVED"}

Change = tuple[str, Mapping[str, Any] | None]
"""(state, detail) of a change."""


def kills_in(changes: Iterable[Change]) -> int:
    """Return how often a task that begins now was killed before, by the changes of one attempt.

    A start without an end, followed by another start of the same message, means that a worker died;
    Celery itself tells of a process that died alone. What a killed process had to say of the automatic
    retries before can be missing. The last start is the one that begins now.
    """
    kills, begun = 0, None
    for state, detail in changes:
        known = detail or {}
        if state == "STARTED":
            retries = int(known.get("retries") or 0)
            kills += begun == retries or bool(known.get(BEGUN_BEFORE))
            begun = retries
        elif state in _ENDED:
            kills += state == "RETRY" and known.get("error_type") == WORKER_LOST
            begun = None
    return kills


def recorded_kills(session: Session, task_id: str, attempt: int) -> int:
    """Return how often a task that begins now was killed before in this attempt, by the record."""
    # here, because it takes a while to import and whoever merely masks texts imports this module too
    from sqlalchemy import select

    from earthgazer_core.db.tables import TaskStateChangeRow

    changes = session.execute(
        select(TaskStateChangeRow.state, TaskStateChangeRow.detail)
        .where(TaskStateChangeRow.task_id == task_id, TaskStateChangeRow.attempt == attempt)
        .order_by(TaskStateChangeRow.at, TaskStateChangeRow.id)
    )
    return kills_in((state, detail) for state, detail in changes)


def has_begun_before(app: Celery, request: Any) -> bool:
    """Whether a message that was delivered anew had been begun, as the result backend tells.

    A start is in the backend before the task's code runs; on the record it is some time after, and
    a worker that dies at once takes that with it.
    """
    if not (request.delivery_info or {}).get("redelivered"):
        return False
    try:
        meta = app.backend.get_task_meta(request.id)
    except (BackendError, KombuError, redis.RedisError, OSError, NotImplementedError) as error:
        logger.debug("recorder: the result backend does not tell of %s: %s", request.id, error)
        return False
    return meta.get("status") not in _NOT_BEGUN
