"""What the flight recorder is told of messages that an operator took out of a queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskExecutionRow, TaskStateChangeRow
from earthgazer_core.operations import audit
from earthgazer_core.recorder.describe import state_row
from earthgazer_core.recorder.order import state_order

_WAITING = ("PENDING", "RECEIVED", "RETRY")
_PAGE = 500
_TEXTS = ("root_id", "parent_id", "run_id")
_NUMBERS = ("attempt", "retries", "replaced_task_nesting")


def note_removed(database: Database | None, messages: Iterable[Mapping[str, Any]], how: str) -> None:
    """Record tasks whose message is gone as revoked; else the reconciler would bring them back.

    A task that runs, or has ended, is left as it is: what was removed was another message of it.

    Args:
        database: Where the flight recorder writes; None does nothing.
        messages: Headers of the messages.
        how: ``removed`` or ``purged``.

    Raises:
        ServiceUnavailableError: the database is away.
    """
    by_id = {str(headers["id"]): headers for headers in messages if _is_task(headers)}
    if database is None:
        return
    who, _ = audit.who()
    # Two operators that take the same rows take them in the same order.
    wanted = sorted(by_id)
    for start in range(0, len(wanted), _PAGE):
        page = wanted[start : start + _PAGE]
        with database.session() as session:
            now = datetime.now(UTC)
            # A publisher's record may be on its way still: this one is there before it, and outranks it.
            revoked = _inserted(session, [_row(by_id[task_id], now) for task_id in page])
            revoked |= _updated(session, page, now)
            session.add_all(
                TaskStateChangeRow(
                    task_id=task_id, state="REVOKED", at=now, worker=None, attempt=attempt,
                    detail={how: f"by {who}"},
                )
                for task_id, attempt in revoked.items()
            )  # fmt: skip


def _inserted(session: Session, rows: list[dict[str, Any]]) -> dict[str, int]:
    row = TaskExecutionRow
    found = session.execute(
        insert(row).values(rows).on_conflict_do_nothing().returning(row.task_id, row.attempt)
    )
    return {one.task_id: one.attempt for one in found}


def _updated(session: Session, task_ids: list[str], now: datetime) -> dict[str, int]:
    row = TaskExecutionRow
    waiting = session.scalars(
        select(row)
        .where(row.task_id.in_(task_ids), row.state.in_(_WAITING))
        .order_by(row.task_id)
        .with_for_update()
    ).all()
    for one in waiting:
        one.state = "REVOKED"
        one.state_order = state_order(one.state_order // 10, "REVOKED")
        one.finished_at = one.updated_at = now
    return {one.task_id: one.attempt for one in waiting}


def _row(headers: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    numbers = {name: headers.get(name) for name in _NUMBERS if isinstance(headers.get(name), int)}
    return {
        "task_id": str(headers["id"]),
        "name": str(headers["task"]),
        **{name: headers[name] if _is_text(headers.get(name)) else None for name in _TEXTS},
        "group_id": headers["group"] if _is_text(headers.get("group")) else None,
        **state_row(numbers, "REVOKED", now),
        "finished_at": now,
    }


def _is_task(headers: Mapping[str, Any]) -> bool:
    return _is_text(headers.get("id")) and _is_text(headers.get("task"))


def _is_text(value: Any) -> bool:
    # Postgres keeps no NUL in a text.
    return isinstance(value, str) and value != "" and "\x00" not in value
