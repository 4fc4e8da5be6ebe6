"""What the flight recorder is told of messages that an operator took out of a queue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import select

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskExecutionRow, TaskStateChangeRow
from earthgazer_core.operations import audit
from earthgazer_core.recorder.order import state_order

_WAITING = ("PENDING", "RECEIVED", "RETRY")
_PAGE = 1_000


def note_removed(database: Database | None, task_ids: Iterable[str], how: str) -> None:
    """Record tasks whose message is gone as revoked; else the reconciler would bring them back.

    A task that runs, or has ended, is left as it is: what was removed was another message of it.

    Args:
        database: Where the flight recorder writes; None does nothing.
        task_ids: The tasks.
        how: ``removed`` or ``purged``.

    Raises:
        ServiceUnavailableError: the database is away.
    """
    wanted = sorted({task_id for task_id in task_ids if task_id})
    if database is None or not wanted:
        return
    who, _ = audit.who()
    for start in range(0, len(wanted), _PAGE):
        with database.session() as session:
            now = datetime.now(UTC)
            rows = session.scalars(
                select(TaskExecutionRow)
                .where(
                    TaskExecutionRow.task_id.in_(wanted[start : start + _PAGE]),
                    TaskExecutionRow.state.in_(_WAITING),
                )
                # Two operators that take the same rows take them in the same order.
                .order_by(TaskExecutionRow.task_id)
                .with_for_update()
            )
            for row in rows:
                row.state = "REVOKED"
                row.state_order = state_order(row.state_order // 10, "REVOKED")
                row.finished_at = row.updated_at = now
                session.add(
                    TaskStateChangeRow(
                        task_id=row.task_id, state="REVOKED", at=now, worker=None, attempt=row.attempt,
                        detail={how: f"by {who}"},
                    )
                )  # fmt: skip
