"""Bodies of chords that nobody will publish: every member succeeded, and the count of them is gone."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_RUNS = 1_000
_WAITING = text("""
    select step.task_id
    from (
        select run_id from earthgazer.workflow_runs
        where cancelled_at is null order by created_at desc limit :runs
    ) as run
    join earthgazer.workflow_steps as step on step.run_id = run.run_id and step.chord_size is not null
    left join earthgazer.task_executions as body on body.task_id = step.task_id
    where (body.task_id is null or body.state = 'REPLACED' or body.blocked_by is not null)
    and (
        select bool_and(member.state is not distinct from 'SUCCESS')
            and max(member.finished_at) < now() - make_interval(secs => :grace_s)
        from jsonb_array_elements_text(step.after) as header(task_id)
        left join earthgazer.task_executions as member on member.task_id = header.task_id
    )
    order by step.task_id
""")
# The last member publishes the body before its own success is on the record: it can't be on its way.


def waiting_bodies(session: Session, *, grace_s: float) -> tuple[str, ...]:
    """Return the bodies, of the newest runs, whose header was complete for a while.

    Args:
        session: Database session.
        grace_s: Seconds since the last member's end.
    """
    return tuple(session.scalars(_WAITING, {"runs": _RUNS, "grace_s": grace_s}))
