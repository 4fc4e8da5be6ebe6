"""How many executions are in which state."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import ExecutionCountRow


def count_by_state(session: Session) -> dict[str, int]:
    """Return the number of recorded executions by state, the most frequent first."""
    row = ExecutionCountRow
    total = func.sum(row.n)
    found = session.execute(
        select(row.state, total).group_by(row.state).having(total > 0).order_by(total.desc(), row.state)
    )
    return {state: int(n) for state, n in found}
